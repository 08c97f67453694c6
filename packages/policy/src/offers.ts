import { ROWS_MAX } from "./bounds";
import { NO_ACCURACY, type TargetIndex } from "./catalog";
import { costPerThousandUsd } from "./cost";
import type { Infeasible, Offer, Requirement } from "./decision";
import { efficientPoints, type IdlePoint } from "./pricing";
import type { Query } from "./query";
import { groupsOf, idleHopMs, type Snapshot } from "./snapshot";
import type { Executor, Slo } from "./types";

/** An efficient point as a query would meet it on an idle executor. */
interface Reachable {
  readonly point: IdlePoint;
  readonly accuracy: number;
  readonly latencyMs: number;
  readonly costUsd: number;
  /** Bits of the requirements it fails. */
  readonly fails: number;
}

const BITS: Record<Requirement, number> = { latency: 1, accuracy: 2, cost: 4 };

/** Tried in order; all offers of the first row that gives any are made. */
const RELAXATIONS: readonly (readonly (readonly Requirement[])[])[] = [
  [["latency"], ["accuracy"], ["cost"]],
  [
    ["latency", "cost"],
    ["accuracy", "cost"],
    ["latency", "accuracy"],
  ],
  [["latency", "accuracy", "cost"]],
];

/**
 * Returns the refusal of a query that nothing can ever satisfy: which requirement fails, by how much, and
 * offers.
 */
export function explainInfeasible(snapshot: Snapshot, index: TargetIndex, query: Query): Infeasible {
  const ways = reachable(snapshot, index, query);
  return { kind: "infeasible", ...failing(index, query, ways), offers: makeOffers(query.slo, ways) };
}

function makeOffers(slo: Slo, ways: readonly Reachable[]): readonly Offer[] {
  for (const row of RELAXATIONS) {
    const offers: Offer[] = [];
    for (const relax of row) {
      const way = relax.every((r) => isStated(slo, r)) ? nearest(ways, relax) : null;
      if (way) offers.push(toOffer(way, relax));
    }
    if (offers.length > 0) return offers;
  }
  return [];
}

function toOffer(way: Reachable, relax: readonly Requirement[]): Offer {
  return {
    relax,
    variant: way.point.entry.variant.name,
    latencyMs: way.latencyMs,
    accuracy: way.accuracy === NO_ACCURACY ? null : way.accuracy,
    costUsd: way.costUsd,
  };
}

/** Of what fails nothing but what gives: the fastest, most accurate or cheapest. */
function nearest(ways: readonly Reachable[], relax: readonly Requirement[]): Reachable | null {
  const allowed = relax.reduce((bits, r) => bits | BITS[r], 0);
  const order = ORDERS[relax[0] ?? "cost"];
  let best: Reachable | null = null;
  for (const way of ways) {
    if ((way.fails & ~allowed) === 0 && (!best || order(way, best) < 0)) best = way;
  }
  return best;
}

const byLatency = (a: Reachable, b: Reachable) => a.latencyMs - b.latencyMs;
const byAccuracy = (a: Reachable, b: Reachable) => b.accuracy - a.accuracy;
const byCost = (a: Reachable, b: Reachable) => a.costUsd - b.costUsd;
const ORDERS: Record<Requirement, (a: Reachable, b: Reachable) => number> = {
  latency: (a, b) => byLatency(a, b) || byCost(a, b) || byAccuracy(a, b),
  accuracy: (a, b) => byAccuracy(a, b) || byCost(a, b) || byLatency(a, b),
  cost: (a, b) => byCost(a, b) || byAccuracy(a, b) || byLatency(a, b),
};

/**
 * The first requirement, in the order batch, accuracy, latency, cost, that leaves nothing of what was left
 * before.
 */
function failing(
  index: TargetIndex,
  query: Query,
  ways: readonly Reachable[],
): Pick<Infeasible, "reason" | "value" | "limit"> {
  const { slo, rows } = query;
  if (index.entries.length === 0) return { reason: "not-loaded", value: null, limit: null };
  if (rows > ROWS_MAX) return { reason: "batch-too-large", value: ROWS_MAX, limit: rows };
  const { accuracy, latency } = BITS;
  const most = nearest(ways, ["accuracy", "latency", "cost"]);
  if (!most) return { reason: "no-executor", value: null, limit: null };
  if (most.fails & accuracy) {
    const value = most.accuracy === NO_ACCURACY ? null : most.accuracy;
    return { reason: "accuracy-below-floor", value, limit: slo.minAccuracy };
  }
  const fastest = nearest(ways, ["latency", "cost"]);
  if (fastest && fastest.fails & latency) {
    return { reason: "latency-above-slo", value: fastest.latencyMs, limit: slo.latencyMs };
  }
  const value = nearest(ways, ["cost"])?.costUsd ?? null;
  return { reason: "cost-above-max", value, limit: slo.maxCostUsd };
}

function reachable(snapshot: Snapshot, index: TargetIndex, query: Query): readonly Reachable[] {
  const classHops = snapshot.hosts.map((hosts) => smallestHopMs(snapshot, hosts));
  const ways: Reachable[] = [];
  for (const point of efficientPoints(snapshot.pricing, index, query.rows)) {
    const hopMs = loadedHopMs(snapshot, point) ?? classHops[point.classIndex] ?? null;
    if (hopMs === null) continue;
    const { accuracy } = point.entry;
    const latencyMs = point.serviceMs + hopMs;
    const costUsd = costPerThousandUsd(point.itemUsd, query.rows);
    const fails = failBits(query.slo, latencyMs, accuracy, costUsd);
    ways.push({ point, accuracy, latencyMs, costUsd, fails });
  }
  return ways;
}

function failBits(slo: Slo, latencyMs: number, accuracy: number, costUsd: number): number {
  return (
    (slo.latencyMs !== null && latencyMs > slo.latencyMs ? BITS.latency : 0) |
    (slo.minAccuracy !== null && accuracy < slo.minAccuracy ? BITS.accuracy : 0) |
    (slo.maxCostUsd !== null && costUsd > slo.maxCostUsd ? BITS.cost : 0)
  );
}

/** Smallest hop to an instance of it on that kind of host; null when it is not loaded there. */
function loadedHopMs(snapshot: Snapshot, point: IdlePoint): number | null {
  let least: number | null = null;
  for (const group of groupsOf(snapshot, point.entry)) {
    if (group.classIndex !== point.classIndex) continue;
    for (const { executor, instance } of group.members) {
      const hopMs = idleHopMs(instance);
      if (executor.accepting && (least === null || hopMs < least)) least = hopMs;
    }
  }
  return least;
}

/** Smallest hop to one of these hosts; null when none of them takes work. */
function smallestHopMs(snapshot: Snapshot, hosts: readonly Executor[]): number | null {
  let least: number | null = null;
  for (const executor of hosts) {
    if (!executor.accepting) continue;
    least = Math.min(least ?? Number.MAX_VALUE, snapshot.hops.get(executor.name) ?? 0);
  }
  return least;
}

function isStated(slo: Slo, requirement: Requirement): boolean {
  if (requirement === "accuracy") return slo.minAccuracy !== null;
  return requirement === "latency" ? slo.latencyMs !== null : slo.maxCostUsd !== null;
}
