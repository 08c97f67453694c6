import type { Batcher, NativeError, Result } from "@infaas/cuda-batcher";
import { type Random, sleep, systemClock } from "@infaas/runtime";
import type { Subject } from "./subjects";

/** Shortest timer of Node. */
const tickMs = 1;

/** Poisson arrivals at a given rate, independent of the answers. */
export interface OpenLoopLoad {
  readonly perSecond: number;
  readonly durationMs: number;
  /** Time at the start whose arrivals are served and not counted. */
  readonly warmUpMs: number;
  /** Deadline of an answer, from its arrival. */
  readonly deadlineMs: number;
  /** Whether the batcher is told the deadline; without it, it serves in order of arrival. */
  readonly tellsDeadline: boolean;
  readonly random: Random;
}

/** What became of the counted arrivals. */
export interface OpenLoopReport {
  readonly arrived: number;
  readonly inTime: number;
  readonly late: number;
  /** Refused: queue full, or deadline out of reach. */
  readonly refused: number;
  /** Shed from the queue. */
  readonly shed: number;
  readonly goodputPerSecond: number;
  /** Share of the engine's time spent on answers that came late, measured by the caller. */
  readonly computeExpired: number;
}

interface Count {
  arrived: number;
  inTime: number;
  late: number;
  refused: number;
  shed: number;
  computeMs: number;
  expiredMs: number;
  fault: Error | null;
}

/**
 * Offers single-row requests and counts the answers in time. An arrival is offered at the first tick after
 * it: a generator that polled the clock would take a core from the engine. Its deadline runs from the
 * arrival.
 */
export async function openLoop(
  batcher: Batcher,
  subject: Subject,
  load: OpenLoopLoad,
): Promise<OpenLoopReport> {
  const count: Count = {
    arrived: 0,
    inTime: 0,
    late: 0,
    refused: 0,
    shed: 0,
    computeMs: 0,
    expiredMs: 0,
    fault: null,
  };
  const startMs = systemClock.nowMs();
  const countedFromMs = startMs + load.warmUpMs;
  const endMs = countedFromMs + load.durationMs;
  let arrivalMs = startMs + gapMs(load);
  let next = 0;
  while (arrivalMs < endMs) {
    const nowMs = systemClock.nowMs();
    for (; arrivalMs <= nowMs && arrivalMs < endMs; arrivalMs += gapMs(load)) {
      const inputs = subject.rows[next++ % subject.rows.length]!;
      offer({ batcher, inputs, arrivalMs, load, count: arrivalMs >= countedFromMs ? count : null });
    }
    await sleep(systemClock, tickMs);
  }
  await batcher.drain();
  if (count.fault !== null) throw count.fault;
  return {
    ...count,
    goodputPerSecond: (count.inTime / load.durationMs) * 1000,
    computeExpired: count.computeMs > 0 ? count.expiredMs / count.computeMs : 0,
  };
}

function gapMs({ perSecond, random }: OpenLoopLoad): number {
  return (-Math.log(1 - random.next()) / perSecond) * 1000;
}

interface Offer {
  readonly batcher: Batcher;
  readonly inputs: readonly Uint8Array[];
  readonly arrivalMs: number;
  readonly load: OpenLoopLoad;
  /** Null while warming up. */
  readonly count: Count | null;
}

function offer({ batcher, inputs, arrivalMs, load, count }: Offer): void {
  const { deadlineMs, tellsDeadline } = load;
  const leftMs = arrivalMs + deadlineMs - systemClock.nowMs();
  const options = tellsDeadline ? { rows: 1, timeoutMs: leftMs } : { rows: 1 };
  const refused = batcher.submitWith(inputs, options, (error, result) => {
    if (count !== null) settle(count, error, result, systemClock.nowMs() - arrivalMs <= deadlineMs);
    result?.release();
  });
  if (count === null) return;
  count.arrived++;
  if (refused === undefined) return;
  count.refused++;
  if (refused.code !== "FULL" && refused.code !== "DEADLINE") count.fault = refused;
}

function settle(count: Count, error: NativeError | null, result: Result | null, inTime: boolean): void {
  if (result === null) {
    count.shed++;
    if (error?.code !== "DEADLINE") count.fault = error;
    return;
  }
  const computeMs = (result.gatherMs + result.runMs) / result.batchSize;
  count.computeMs += computeMs;
  if (!inTime) count.expiredMs += computeMs;
  count[inTime ? "inTime" : "late"]++;
}
