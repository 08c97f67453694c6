import { UNSTATED_WAIT_MAX_MS } from "./bounds";
import { coldOrder, levelFor, serviceMs, type TargetIndex, type VariantEntry } from "./catalog";
import { costPerThousandUsd } from "./cost";
import type { Cold, StartLoad } from "./decision";
import { efficientPoints } from "./pricing";
import type { Query } from "./query";
import { groupsOf, idleHopMs, type Snapshot } from "./snapshot";
import type { Executor } from "./types";

/** What loading could do for a query. */
export type ColdPlan =
  | Cold
  /** The load finishes after the objective. */
  | { readonly kind: "late"; readonly startLoad: StartLoad }
  /** An inactive variant would do, but its memory is free nowhere. */
  | { readonly kind: "no-room" }
  /** No inactive variant would do. */
  | { readonly kind: "none" };

interface Found {
  readonly entry: VariantEntry;
  readonly executor: Executor;
  readonly itemUsd: number;
  readonly batchMs: number;
  readonly hopMs: number;
  /** Start of the host, where it is not there, and load. */
  readonly waitMs: number;
  readonly totalMs: number;
}

/**
 * Returns the inactive variant that answers soonest, load and inference, on the least utilised executor of
 * its hardware with room (docs/design/policy.md, section 3). A variant counts as inactive when no loaded
 * instance of it would do even idle. With `busy` (others would do, but are full) only a load that finishes in
 * time is looked for.
 */
export function planCold(
  snapshot: Snapshot,
  index: TargetIndex,
  query: Query,
  options: { readonly floor: number | null; readonly busy: boolean },
): ColdPlan {
  const level = levelFor(index, options.floor);
  if (level < 0 || !couldEverDo(snapshot, index, query, options.floor)) return { kind: "none" };
  const { latencyMs } = query.slo;
  const waitMaxMs = latencyMs ?? Number.POSITIVE_INFINITY;
  let best: Found | null = null;
  let cramped = false;
  for (const entry of coldOrder(index, level)) {
    if (best && entry.coldFloorMs >= best.totalMs) break;
    if (options.busy && entry.coldFloorMs > waitMaxMs) break;
    const batchMs = serviceMs(entry, query.rows);
    if (batchMs > waitMaxMs || wouldDoIdle(snapshot, entry, query, batchMs)) continue;
    const host = pickHost(snapshot, entry, query, batchMs);
    if (host === "cramped") cramped = true;
    else if (host && (!best || host.totalMs < best.totalMs)) best = host;
  }
  if (!best) return { kind: cramped ? "no-room" : "none" };
  return toPlan(best, query);
}

function toPlan(found: Found, query: Query): ColdPlan {
  const { variant } = found.entry;
  const { latencyMs } = query.slo;
  const { executor, waitMs } = found;
  if (latencyMs === null ? waitMs > UNSTATED_WAIT_MAX_MS : found.totalMs > latencyMs) {
    return { kind: "late", startLoad: { variant, executor, loadMs: waitMs } };
  }
  return {
    kind: "cold",
    variant,
    executor,
    expectedWaitMs: waitMs,
    predictedMs: found.totalMs,
    costUsd: found.itemUsd * query.rows,
    downgraded: false,
  };
}

/** Cheap and exact for "no": what no efficient point can do without any hop, nothing can. */
function couldEverDo(snapshot: Snapshot, index: TargetIndex, query: Query, floor: number | null): boolean {
  const { latencyMs, maxCostUsd } = query.slo;
  return efficientPoints(snapshot.pricing, index, query.rows).some(
    (p) =>
      (floor === null || p.entry.accuracy >= floor) &&
      (latencyMs === null || p.serviceMs <= latencyMs) &&
      (maxCostUsd === null || costPerThousandUsd(p.itemUsd, query.rows) <= maxCostUsd),
  );
}

function wouldDoIdle(snapshot: Snapshot, entry: VariantEntry, query: Query, batchMs: number): boolean {
  const { latencyMs, maxCostUsd } = query.slo;
  return groupsOf(snapshot, entry).some(
    (group) =>
      (maxCostUsd === null || costPerThousandUsd(group.itemUsd, query.rows) <= maxCostUsd) &&
      group.members.some(
        (m) => m.executor.accepting && (latencyMs === null || batchMs + idleHopMs(m.instance) <= latencyMs),
      ),
  );
}

function pickHost(
  snapshot: Snapshot,
  entry: VariantEntry,
  query: Query,
  batchMs: number,
): Found | "cramped" | null {
  const { latencyMs, maxCostUsd } = query.slo;
  const { loadMs, peakMemoryBytes } = entry.variant.profile;
  let best: Found | null = null;
  let cramped = false;
  for (const [classIndex, hosts] of snapshot.hosts.entries()) {
    const prices = snapshot.pricing.classes[classIndex];
    const itemUsd = prices?.itemUsd[entry.index] ?? 0;
    if (!prices?.fits[entry.index]) continue;
    if (maxCostUsd !== null && costPerThousandUsd(itemUsd, query.rows) > maxCostUsd) continue;
    for (const executor of hosts) {
      if (!executor.accepting || (best && executor.utilisation >= best.executor.utilisation)) continue;
      const hopMs = snapshot.hops.get(executor.name) ?? 0;
      if (latencyMs !== null && batchMs + hopMs > latencyMs) continue;
      const roomBytes = executor.memoryFreeBytes + (executor.memoryEvictableBytes ?? 0);
      if (executor.isUnheard === true || peakMemoryBytes > roomBytes) cramped = true;
      else {
        const waitMs = (executor.startMs ?? 0) + loadMs;
        best = { entry, executor, itemUsd, batchMs, hopMs, waitMs, totalMs: waitMs + batchMs + hopMs };
      }
    }
  }
  return best ?? (cramped ? "cramped" : null);
}
