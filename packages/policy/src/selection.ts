import { EXECUTOR_RETRY_MS, RETRY_MIN_MS, ROOM_RETRY_MS, ROWS_MAX, UNSTATED_WAIT_MAX_MS } from "./bounds";
import { candidatesOf } from "./candidates";
import { levelFor, serviceMs, type TargetIndex } from "./catalog";
import { planCold } from "./cold-selection";
import { costPerThousandUsd } from "./cost";
import type { Decision, Selected } from "./decision";
import { explainInfeasible } from "./offers";
import type { Query } from "./query";
import {
  drainMsAt,
  type InstanceGroup,
  idleHopMs,
  loadedOrder,
  type Member,
  type Snapshot,
} from "./snapshot";
import type { Instance } from "./types";

/** What one pass over the loaded instances found. */
interface Scan {
  best: Placed | null;
  /** Soonest free among instances that are not active but still in time. */
  fallback: Placed | null;
  /** Objective key of the first group that would do if idle: cost, or accuracy. */
  idleKey: number | null;
  /**
   * Least accuracy among the groups of that key: what the query would be sure to get without load. 0 when the
   * soonest is asked for.
   */
  idleAccuracy: number;
  /** Time until some instance that would do if idle is in time again. */
  retryMs: number;
}

interface Placed {
  readonly group: InstanceGroup;
  readonly member: Member;
  readonly predictedMs: number;
}

/**
 * Returns where one query goes (docs/design/policy.md, section 3). Pure: equal arguments give equal answers.
 * Microseconds at thousands of variants: only loaded instances of the target that meet the accuracy floor are
 * looked at, best first. An overloaded or interfered instance that is still in time goes before a load, which
 * it outruns. Variants of which nothing was measured are asked where none of the others could ever do.
 */
export function selectVariant(snapshot: Snapshot, query: Query, nowMs: number): Decision {
  const index = candidatesOf(snapshot.catalog, query);
  if (!index) return { kind: "unknown", name: query.target.name };
  const decision = selectAmong(snapshot, index, query, nowMs);
  if (decision.kind !== "infeasible" || index.unprofiled === null) return decision;
  const unprofiled = selectAmong(snapshot, index.unprofiled, query, nowMs);
  return unprofiled.kind === "infeasible" ? decision : unprofiled;
}

function selectAmong(snapshot: Snapshot, index: TargetIndex, query: Query, nowMs: number): Decision {
  let floor = query.slo.minAccuracy;
  let scan = scanLoaded(snapshot, index, query, floor, nowMs);
  if (query.slo.noDowngrade && scan.idleKey !== null && (floor === null || scan.idleAccuracy > floor)) {
    const chosen = scan.best ?? scan.fallback;
    if (!chosen || chosen.group.entry.accuracy < scan.idleAccuracy) {
      floor = scan.idleAccuracy;
      scan = scanLoaded(snapshot, index, query, floor, nowMs);
    }
  }
  const chosen = scan.best ?? scan.fallback;
  return chosen ? selected(chosen, scan, query) : selectUnloaded(snapshot, index, query, floor, scan);
}

function selected(chosen: Placed, scan: Scan, query: Query): Selected {
  const { group, member, predictedMs } = chosen;
  return {
    kind: "selected",
    variant: group.entry.variant,
    executor: member.executor,
    instance: member.instance,
    predictedMs,
    costUsd: group.itemUsd * query.rows,
    downgraded: scan.idleKey !== null && group.entry.accuracy < scan.idleAccuracy,
  };
}

function selectUnloaded(
  snapshot: Snapshot,
  index: TargetIndex,
  query: Query,
  floor: number | null,
  scan: Scan,
): Decision {
  const busy = scan.idleKey !== null;
  const plan = planCold(snapshot, index, query, { floor, busy });
  if (plan.kind === "cold") return plan;
  if (busy) {
    return {
      kind: "saturated",
      reason: "busy",
      retryAfterMs: Math.max(RETRY_MIN_MS, scan.retryMs),
      startLoad: null,
    };
  }
  if (plan.kind === "late") {
    const { startLoad } = plan;
    return {
      kind: "saturated",
      reason: "loading",
      retryAfterMs: Math.max(RETRY_MIN_MS, startLoad.loadMs),
      startLoad,
    };
  }
  if (plan.kind === "no-room") {
    return { kind: "saturated", reason: "no-room", retryAfterMs: ROOM_RETRY_MS, startLoad: null };
  }
  if (!snapshot.executors.some((e) => e.accepting)) {
    return { kind: "saturated", reason: "no-executor", retryAfterMs: EXECUTOR_RETRY_MS, startLoad: null };
  }
  return explainInfeasible(snapshot, index, query);
}

function scanLoaded(
  snapshot: Snapshot,
  index: TargetIndex,
  query: Query,
  floor: number | null,
  nowMs: number,
): Scan {
  const { objective, maxCostUsd, latencyMs } = query.slo;
  const scan: Scan = {
    best: null,
    fallback: null,
    idleKey: null,
    idleAccuracy: 0,
    retryMs: Number.POSITIVE_INFINITY,
  };
  const level = levelFor(index, floor);
  if (level < 0 || query.rows > ROWS_MAX) return scan;
  const byCost = objective === "min-cost";
  const bySoonest = objective === "min-latency";
  const limitMs = latencyMs ?? Number.POSITIVE_INFINITY;
  const lowest = index.levels[level] ?? 0;
  for (const group of loadedOrder(snapshot, index, objective, level)) {
    const { entry } = group;
    if (entry.accuracy < lowest) break;
    if (!bySoonest && scan.best && key(group, byCost) !== key(scan.best.group, byCost)) break;
    if (maxCostUsd !== null && costPerThousandUsd(group.itemUsd, query.rows) > maxCostUsd) {
      if (byCost) break;
      continue;
    }
    const batchMs = serviceMs(entry, query.rows);
    const { late } = query;
    if (batchMs <= limitMs) scanGroup(scan, group, { batchMs, latencyMs, byCost, bySoonest, nowMs, late });
  }
  return scan;
}

interface GroupScan {
  readonly batchMs: number;
  readonly latencyMs: number | null;
  readonly byCost: boolean;
  readonly bySoonest: boolean;
  readonly nowMs: number;
  /** As `Query` has it. */
  readonly late: Instance | undefined;
}

function scanGroup(scan: Scan, group: InstanceGroup, of: GroupScan): void {
  const { batchMs, latencyMs, nowMs } = of;
  let hasActive = false;
  let overloaded: Placed | null = null;
  for (const member of group.members) {
    const { instance, executor } = member;
    if (!executor.accepting) continue;
    if (latencyMs !== null && batchMs + idleHopMs(instance) > latencyMs) continue;
    noteIdle(scan, group, of);
    const idleMs = batchMs + instance.hopMs;
    const drainMs = drainMsAt(instance, nowMs);
    const lateMs = latencyMs === null ? drainMs - UNSTATED_WAIT_MAX_MS : drainMs + idleMs - latencyMs;
    if (lateMs > 0 || instance === of.late) {
      if (lateMs < scan.retryMs) scan.retryMs = lateMs;
      continue;
    }
    const placed = { group, member, predictedMs: drainMs + idleMs };
    if (instance.state === "active") {
      hasActive = true;
      if (!scan.best || goesBefore(placed, scan.best)) scan.best = placed;
    } else if (instance.state === "overloaded" && instance.isQueueUnknown !== true) {
      if (!overloaded || goesBefore(placed, overloaded)) overloaded = placed;
    } else noteFallback(scan, placed);
  }
  if (!overloaded) return;
  // Beside an active one of the same variant its queue tells what its state would (decision 0056).
  if (!hasActive) noteFallback(scan, overloaded);
  else if (!scan.best || goesBefore(overloaded, scan.best)) scan.best = overloaded;
}

function noteFallback(scan: Scan, placed: Placed): void {
  if (!scan.best && (!scan.fallback || isFreeSooner(placed, scan.fallback))) scan.fallback = placed;
}

function noteIdle(scan: Scan, group: InstanceGroup, { byCost, bySoonest }: GroupScan): void {
  if (bySoonest) {
    // Whatever completes soonest is what was asked for: nothing is a downgrade.
    scan.idleKey = 0;
    return;
  }
  const groupKey = key(group, byCost);
  if (scan.idleKey === null) {
    scan.idleKey = groupKey;
    scan.idleAccuracy = group.entry.accuracy;
  } else if (groupKey === scan.idleKey && group.entry.accuracy < scan.idleAccuracy) {
    scan.idleAccuracy = group.entry.accuracy;
  }
}

/** Among equals by objective: the earliest completion, then the least utilised executor. */
function goesBefore(one: Placed, other: Placed): boolean {
  if (one.predictedMs !== other.predictedMs) return one.predictedMs < other.predictedMs;
  const load = one.member.executor.utilisation - other.member.executor.utilisation;
  return load !== 0 ? load < 0 : isNamedBefore(one, other);
}

function isFreeSooner(one: Placed, other: Placed): boolean {
  return one.predictedMs === other.predictedMs
    ? isNamedBefore(one, other)
    : one.predictedMs < other.predictedMs;
}

function isNamedBefore({ group, member: { executor } }: Placed, other: Placed): boolean {
  const { name } = other.member.executor;
  if (executor.name !== name) return executor.name < name;
  return group.entry.index < other.group.entry.index;
}

function key(group: InstanceGroup, byCost: boolean): number {
  return byCost ? group.itemUsd : group.entry.accuracy;
}
