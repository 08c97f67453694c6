import type { Catalog } from "../catalog";
import type { ClassDemand, TypedHost } from "./capacity";
import type { ExpectedLoads, PhaseTime } from "./load-ledger";

/** Hosts of one type that may come and go. */
export interface HostPool extends TypedHost {
  readonly minHosts: number;
  readonly maxHosts: number;
}

/** A host of the pool that is there or on its way. */
export interface ScaledHost {
  readonly name: string;
  readonly state: "requested" | "starting" | "up" | "draining";
  /** An operator took its executor out of service. */
  readonly withdrawn: boolean;
  /** Variants with a ready instance there that frontends reach. */
  readonly ready: ReadonlySet<string>;
  /** Variants that it is to hold. */
  readonly placed: ReadonlySet<string>;
  /** Placed, not ready, and on its way; absent: none is. */
  readonly loading?: ReadonlySet<string>;
  /** Placed, and not by an operator: the plan may unload it. Absent: all stays. */
  readonly removable?: ReadonlySet<string>;
  /** Until when it is paid for whether it is used or not; absent or null: by the moment. */
  readonly paidUntilMs?: number | null;
}

/** State that hosts are planned from. */
export interface ScalingFacts {
  readonly nowMs: number;
  readonly catalog: Catalog;
  readonly pool: HostPool;
  readonly hosts: readonly ScaledHost[];
  /** Hosts that are being ended; absent: none is. */
  readonly ending?: number;
  readonly demand: readonly ClassDemand[];
  /** Every frontend told lately what it is asked; otherwise nothing is removed. */
  readonly demandKnown: boolean;
  /** Longest that queued queries wait at some instance beyond what their class allows, ms; 0: none does. */
  readonly overdueMs: number;
  /** Somebody needs a load that no executor is to hold yet: one host is kept, whatever is asked otherwise. Absent: nobody does. */
  readonly isWished?: boolean;
  /** Starts failed so often that none is tried before this time; null: none did. */
  readonly startsRestUntilMs: number | null;
  /** Measured time from asking for a host to its executor's joining; absent or null: none was seen. */
  readonly startTime?: PhaseTime | null;
  /** What loads took, where enough were seen; of others, or where it is absent, profiles tell. */
  readonly expectedLoads?: ExpectedLoads;
}

/** Returns the facts of a pool that keeps a host where a load is needed: demand is told once a period, and does not ask for one yet. */
export function withWish(facts: ScalingFacts): ScalingFacts {
  const { pool, isWished } = facts;
  return isWished === true ? { ...facts, pool: { ...pool, minHosts: Math.max(1, pool.minHosts) } } : facts;
}

/** Hosts that are to stay: neither do they drain nor did an operator take them out of service. */
export function activeHosts({ hosts }: ScalingFacts): readonly ScaledHost[] {
  return hosts.filter((host) => host.state !== "draining" && !host.withdrawn);
}

/** Returns the name of a host of a pool, and of its executor; the number is its place in the pool, from 1. */
export function hostName(number: number): string {
  return `executor-${number}`;
}

/** Returns the number of a host by its name; 0: it has none. */
export function hostNumber(name: string): number {
  return Number(/\d+$/.exec(name)?.[0] ?? 0);
}
