import { NO_ACCURACY, type TargetIndex } from "./catalog";
import { costPerThousandUsd } from "./cost";
import type { Infeasible } from "./decision";
import { efficientPoints, type IdlePoint } from "./pricing";
import { groupsOf, type Snapshot } from "./snapshot";
import type { Query, Slo } from "./types";

/** A requirement that can give. */
export type Requirement = "latency" | "accuracy" | "cost";

/** The nearest thing that can be had, with its price: a query asking for exactly these numbers is feasible. */
export interface Offer {
  /** The requirements that would have to give; one, unless no single one is enough. */
  readonly relax: readonly Requirement[];
  readonly variant: string;
  readonly latencyMs: number;
  /** Null when it was never measured nor declared. */
  readonly accuracy: number | null;
  /** US dollars per 1,000 queries of as many rows. */
  readonly costUsd: number;
}

/** An efficient point as a query would meet it on an idle executor. */
interface Reachable {
  readonly point: IdlePoint;
  readonly accuracy: number;
  readonly latencyMs: number;
  readonly costUsd: number;
}

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

/** Returns the refusal of a query that nothing can ever satisfy: which requirement fails, by how much, and offers. */
export function explainInfeasible(snapshot: Snapshot, index: TargetIndex, query: Query): Infeasible {
  const ways = reachable(snapshot, index, query.rows);
  return { kind: "infeasible", ...failing(index, query, ways), offers: makeOffers(query.slo, ways) };
}

function makeOffers(slo: Slo, ways: readonly Reachable[]): readonly Offer[] {
  for (const row of RELAXATIONS) {
    const offers = row.flatMap((relax) => {
      const way = nearest(slo, ways, relax);
      return way ? [toOffer(way, relax)] : [];
    });
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

/** The best of what meets every requirement that does not give: the fastest, most accurate or cheapest of them. */
function nearest(slo: Slo, ways: readonly Reachable[], relax: readonly Requirement[]): Reachable | null {
  if (!relax.every((r) => isStated(slo, r))) return null;
  const adequate = ways.filter(
    (w) =>
      (relax.includes("accuracy") || meetsAccuracy(slo, w)) &&
      (relax.includes("latency") || meetsLatency(slo, w)) &&
      (relax.includes("cost") || meetsCost(slo, w)),
  );
  const order = ORDERS[relax[0] ?? "cost"];
  return adequate.reduce<Reachable | null>((best, w) => (!best || order(w, best) < 0 ? w : best), null);
}

const byLatency = (a: Reachable, b: Reachable) => a.latencyMs - b.latencyMs;
const byAccuracy = (a: Reachable, b: Reachable) => b.accuracy - a.accuracy;
const byCost = (a: Reachable, b: Reachable) => a.costUsd - b.costUsd;
const ORDERS: Record<Requirement, (a: Reachable, b: Reachable) => number> = {
  latency: (a, b) => byLatency(a, b) || byCost(a, b) || byAccuracy(a, b),
  accuracy: (a, b) => byAccuracy(a, b) || byCost(a, b) || byLatency(a, b),
  cost: (a, b) => byCost(a, b) || byAccuracy(a, b) || byLatency(a, b),
};

/** The first requirement, in the order batch, accuracy, latency, cost, that leaves nothing of what was left before. */
function failing(
  index: TargetIndex,
  query: Query,
  ways: readonly Reachable[],
): Pick<Infeasible, "reason" | "value" | "limit"> {
  const { slo, rows } = query;
  if (index.entries.length === 0) return { reason: "not-loaded", value: null, limit: null };
  const maxBatch = Math.max(0, ...index.entries.map((e) => e.variant.maxBatch));
  if (rows > maxBatch) return { reason: "batch-too-large", value: maxBatch, limit: rows };
  if (ways.length === 0) return { reason: "no-executor", value: null, limit: null };
  const accurate = ways.filter((w) => meetsAccuracy(slo, w));
  if (accurate.length === 0) {
    const most = Math.max(...ways.map((w) => w.accuracy));
    return {
      reason: "accuracy-below-floor",
      value: most === NO_ACCURACY ? null : most,
      limit: slo.minAccuracy,
    };
  }
  const fast = accurate.filter((w) => meetsLatency(slo, w));
  if (fast.length === 0) {
    const value = Math.min(...accurate.map((w) => w.latencyMs));
    return { reason: "latency-above-slo", value, limit: slo.latencyMs };
  }
  return { reason: "cost-above-max", value: Math.min(...fast.map((w) => w.costUsd)), limit: slo.maxCostUsd };
}

function reachable(snapshot: Snapshot, index: TargetIndex, rows: number): readonly Reachable[] {
  return efficientPoints(snapshot.pricing, index, rows).flatMap((point) => {
    const hopMs = idleHopMs(snapshot, point);
    if (hopMs === null) return [];
    return [
      {
        point,
        accuracy: point.entry.accuracy,
        latencyMs: point.serviceMs + hopMs,
        costUsd: costPerThousandUsd(point.itemUsd, rows),
      },
    ];
  });
}

/** Smallest hop to an instance of it or, when it is not loaded there, to a host that could; null when none accepts. */
function idleHopMs(snapshot: Snapshot, point: IdlePoint): number | null {
  const group = groupsOf(snapshot, point.entry).find((g) => g.classIndex === point.classIndex);
  const loaded = (group?.members ?? []).filter((m) => m.executor.accepting).map((m) => m.instance.hopMs);
  if (loaded.length > 0) return Math.min(...loaded);
  const hosts = (snapshot.hosts[point.classIndex] ?? []).filter((e) => e.accepting);
  return hosts.length > 0 ? Math.min(...hosts.map((e) => snapshot.hops.get(e.name) ?? 0)) : null;
}

function meetsAccuracy(slo: Slo, way: Reachable): boolean {
  return slo.minAccuracy === null || way.accuracy >= slo.minAccuracy;
}

function meetsLatency(slo: Slo, way: Reachable): boolean {
  return slo.latencyMs === null || way.latencyMs <= slo.latencyMs;
}

function meetsCost(slo: Slo, way: Reachable): boolean {
  return slo.maxCostUsd === null || way.costUsd <= slo.maxCostUsd;
}

function isStated(slo: Slo, requirement: Requirement): boolean {
  if (requirement === "accuracy") return slo.minAccuracy !== null;
  return requirement === "latency" ? slo.latencyMs !== null : slo.maxCostUsd !== null;
}
