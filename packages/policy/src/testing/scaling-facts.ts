import type { ClassDemand } from "../scaling/capacity";
import { rateInterval } from "../scaling/rate-interval";
import type { HostPool, ScaledHost, ScalingFacts } from "../scaling/scaling-facts";
import type { Executor } from "../types";
import { executor } from "./snapshots";

/** Queries of one row for `digits/uci` that came within so many seconds; no requirement, cheapest first. */
export function classDemand(arrivals: number, seconds: number, over: Partial<ClassDemand> = {}): ClassDemand {
  return {
    target: { kind: "task", name: "digits/uci" },
    minAccuracy: null,
    latencyMs: null,
    objective: "min-cost",
    rowsPerQuery: 1,
    arrivals,
    rate: rateInterval(arrivals, seconds),
    ...over,
  };
}

/** A host that is up, and on which these variants are placed and ready. */
export function scaledHost(
  name: string,
  variants: readonly string[],
  over: Partial<ScaledHost> = {},
): ScaledHost {
  const held = new Set(variants);
  return { name, state: "up", withdrawn: false, ready: held, placed: held, ...over };
}

/** One to `maxHosts` hosts of one core each. */
export function hostPool(maxHosts: number, over: Partial<Executor> = {}): HostPool {
  return { ...executor({ cores: 1, ...over }), minHosts: 1, maxHosts };
}

/** What a test says of the facts; the rest is filled in. */
type ToldFacts = Pick<ScalingFacts, "catalog" | "hosts" | "demand"> & Partial<ScalingFacts>;

/** Facts at 0 ms of one to three hosts; every frontend told its demand, and no query waits too long. */
export function scalingFacts(told: ToldFacts): ScalingFacts {
  return {
    nowMs: 0,
    pool: hostPool(3),
    demandKnown: true,
    overdueMs: 0,
    startsRestUntilMs: null,
    ...told,
  };
}
