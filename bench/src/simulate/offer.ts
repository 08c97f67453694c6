import { acceptQuery, type IncomingQuery } from "@infaas/frontend";
import type { Slo } from "@infaas/policy";
import { type Code, type Random, unnamedCaller } from "@infaas/runtime";
import { RowsBody } from "./virtual-link";
import type { World } from "./world";
import { SIMULATED_TASK } from "./zoo-variants";

/** Queries of one row, one after another. */
export interface Offer {
  readonly perSecond: number;
  readonly seconds: number;
  readonly latencyMs: number | null;
  readonly minAccuracy: number | null;
  readonly random: Random;
  /** Queries at the beginning that are not counted. */
  readonly warmUp: number;
}

/** What became of the queries offered. */
export interface Outcome {
  readonly offered: number;
  readonly inTime: number;
  readonly late: number;
  readonly refused: ReadonlyMap<Code, number>;
  /** Mean time of answered queries beside the engine's. */
  readonly meanWaitMs: number;
  readonly byVariant: ReadonlyMap<string, number>;
  /** Virtual time from the first arrival to the last answer. */
  readonly elapsedMs: number;
}

const MS_PER_SECOND = 1_000;
const US_PER_MS = 1_000;
/** After the last arrival: longer than any query may take. */
const SETTLE_MS = 120_000;
const SETTLE_STEP_MS = 100;

/** Offers queries as a Poisson process and returns once each has ended. */
export async function offerPoisson({ clock, frontend }: World, o: Offer): Promise<Outcome> {
  const slo: Slo = {
    latencyMs: o.latencyMs,
    minAccuracy: o.minAccuracy,
    maxCostUsd: null,
    objective: "min-cost",
    noDowngrade: false,
    deterministic: false,
  };
  const refused = new Map<Code, number>();
  const byVariant = new Map<string, number>();
  const sums = { offered: 0, inTime: 0, late: 0, waitMs: 0, ended: 0 };
  const startMs = clock.nowMs();
  const total = Math.round(o.perSecond * o.seconds);
  let lastMs = startMs;
  const ask = (counts: boolean) => {
    if (counts) sums.offered++;
    const ended = () => {
      sums.ended++;
      lastMs = clock.nowMs();
    };
    acceptQuery(
      frontend.intake,
      oneRow(clock.nowMs(), slo, {
        answer: (_, { receipt }) => {
          ended();
          if (!counts) return;
          const { totalMs, computeMs, variant } = receipt;
          if (slo.latencyMs !== null && totalMs > slo.latencyMs) sums.late++;
          else sums.inTime++;
          sums.waitMs += totalMs - computeMs;
          byVariant.set(variant.name, (byVariant.get(variant.name) ?? 0) + 1);
        },
        refuse: ({ code }) => {
          ended();
          if (counts) refused.set(code, (refused.get(code) ?? 0) + 1);
        },
      }),
    );
  };
  // Due times are added up unrounded: the clock's microseconds would bias the rate.
  let dueMs = startMs;
  const next = (nth: number) => {
    if (nth === total) return;
    dueMs += (-Math.log(1 - o.random.next()) * MS_PER_SECOND) / o.perSecond;
    clock.setTimer(Math.round((dueMs - clock.nowMs()) * US_PER_MS) / US_PER_MS, () => {
      ask(nth >= o.warmUp);
      next(nth + 1);
    });
  };
  next(0);
  const untilMs = startMs + o.seconds * MS_PER_SECOND * 2 + SETTLE_MS;
  while (sums.ended < total && clock.nowMs() < untilMs) await clock.advance(SETTLE_STEP_MS);
  const answered = sums.inTime + sums.late;
  return {
    offered: sums.offered,
    inTime: sums.inTime,
    late: sums.late,
    refused,
    meanWaitMs: sums.waitMs / Math.max(1, answered),
    byVariant,
    elapsedMs: lastMs - startMs,
  };
}

function oneRow(arrivedMs: number, slo: Slo, told: Pick<IncomingQuery, "answer" | "refuse">): IncomingQuery {
  const requirements = { slo, explain: false, priority: 0, queueTimeoutMs: null, deadlineBinds: false };
  return {
    target: SIMULATED_TASK,
    version: "",
    id: "",
    body: new RowsBody(1),
    arrivedMs,
    caller: unnamedCaller("simulation:1"),
    traceparent: undefined,
    isRetry: false,
    demand: () => ({ requirements, rows: 1, sent: [] }),
    tensors: (body) => body,
    ...told,
  };
}
