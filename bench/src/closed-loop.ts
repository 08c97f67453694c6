import { performance } from "node:perf_hooks";
import type { Batcher, Done } from "@infaas/cuda-batcher";
import { sleep, systemClock } from "@infaas/runtime";
import type { Subject } from "./subjects";

const warmUpMs = 80;

/** Figures of one window of closed-loop load. */
export interface ClosedLoopWindow {
  readonly itemsPerSecond: number;
  /** CPU time of the process for one item, all threads together. */
  readonly cpuUsPerItem: number;
  /** Mean rows of a batch. */
  readonly batchMean: number;
  /** Share of the window in which JavaScript's thread was busy. */
  readonly loopBusy: number;
}

/** Keeps `inFlight` single-row requests in a batcher: each answer is followed by another request at once. */
export async function closedLoop(
  batcher: Batcher,
  subject: Subject,
  load: { readonly inFlight: number; readonly durationMs: number },
): Promise<ClosedLoopWindow> {
  const { rows } = subject;
  const options = { rows: 1 };
  let answered = 0;
  let next = 0;
  let open = true;
  let fault: Error | null = null;
  const submit = () => {
    const refused = batcher.submitWith(rows[next++ % rows.length]!, options, done);
    if (refused !== undefined) fault = refused;
  };
  const done: Done = (error, result) => {
    fault ??= error;
    result?.release();
    answered++;
    if (open && fault === null) submit();
  };
  for (let i = 0; i < load.inFlight; i++) submit();
  await sleep(systemClock, warmUpMs);
  const before = {
    answered,
    stats: batcher.stats(),
    loop: performance.eventLoopUtilization(),
    cpu: process.cpuUsage(),
    atMs: systemClock.nowMs(),
  };
  // On a machine that gives this process no time, the window lasts until the first answer.
  do await sleep(systemClock, load.durationMs);
  while (answered === before.answered && fault === null);
  const elapsedMs = systemClock.nowMs() - before.atMs;
  const items = answered - before.answered;
  const cpu = process.cpuUsage(before.cpu);
  const after = batcher.stats();
  const loopBusy = performance.eventLoopUtilization(before.loop).utilization;
  open = false;
  await batcher.drain();
  if (fault !== null) throw fault;
  return {
    itemsPerSecond: (items / elapsedMs) * 1000,
    cpuUsPerItem: (cpu.user + cpu.system) / items,
    batchMean: (after.rowsRun - before.stats.rowsRun) / (after.batches - before.stats.batches),
    loopBusy,
  };
}
