import { type Catalog, findTarget, serviceMs, type VariantEntry } from "../catalog";
import { costPerQueryUsd, costPerThousandUsd, fitsHost, type Host, hostShare } from "../cost";
import type { Objective, Target } from "../types";
import type { DemandFigures } from "./demand-figures";
import type { RateInterval } from "./rate-interval";

/** Demand of one class: queries that ask for the same. */
export interface ClassDemand {
  readonly target: Target;
  readonly minAccuracy: number | null;
  readonly latencyMs: number | null;
  readonly objective: Objective;
  /** Most US dollars per 1,000 queries; absent: any. */
  readonly maxCostUsd?: number;
  /** It is refused rather than answered by less than the best adequate variant. */
  readonly noDowngrade?: boolean;
  /** How much a row counts when not all can be served; absent: 1. */
  readonly weight?: number;
  /** Coefficient of variation of the times between queries; absent: 1, as of independent callers. */
  readonly gapVariation?: number;
  /** Mean rows of a query, at least 1. */
  readonly rowsPerQuery: number;
  /** Queries that the rate is of; 0: nobody asks at present. */
  readonly arrivals: number;
  /** Queries per second. */
  readonly rate: RateInterval;
  /** What became of them; absent where nobody counts. */
  readonly figures?: DemandFigures;
}

/** Returns text that is equal for demands of one class only; of rows, the power of two at or below them. */
export function classKey(demand: ClassDemand): string {
  const { target, minAccuracy, latencyMs, objective, maxCostUsd, noDowngrade, rowsPerQuery } = demand;
  const { kind, name, version } = target;
  const rows = 2 ** Math.floor(Math.log2(Math.max(1, rowsPerQuery)));
  return JSON.stringify([
    kind,
    name,
    version,
    minAccuracy,
    latencyMs,
    objective,
    maxCostUsd,
    noDowngrade,
    rows,
  ]);
}

/** Hosts of one type; what was measured on another says nothing of these. */
export interface TypedHost extends Host {
  readonly hostType: string;
}

/** A variant that may serve a class on hosts of one type, and what one instance gives there. */
export interface Column {
  readonly entry: VariantEntry;
  /** Rows per second of an instance with nothing beside it, in batches that leave every query its objective. */
  readonly rowsPerSecond: number;
  /** Largest share of its host that the instance takes. */
  readonly share: number;
  /** p95 of what a query is part of, ms: a usable batch, or its own rows. */
  readonly serviceMs: number;
  /** Rows of that. */
  readonly batch: number;
}

/** A batch is usable for an objective of so many times its latency: a query may come just after one was closed. */
const LATENCIES_PER_OBJECTIVE = 2;

/**
 * Returns the variants that may serve a class on hosts of one type, the one first that selection takes when all are loaded
 * and idle: for `min-cost` the cheapest adequate one. None: no adequate one was measured there, and no number of hosts
 * helps.
 */
export function columnsOf(catalog: Catalog, host: TypedHost, demand: ClassDemand): readonly Column[] {
  const { latencyMs, maxCostUsd = Number.POSITIVE_INFINITY } = demand;
  const rows = rowsOf(demand);
  const able: Able[] = [];
  for (const entry of adequateEntries(catalog, demand)) {
    const { variant } = entry;
    if (variant.profile.hostType !== host.hostType || !fitsHost(variant, host)) continue;
    const itemUsd = costPerQueryUsd(variant, host);
    if (costPerThousandUsd(itemUsd, rows) <= maxCostUsd) able.push({ entry, itemUsd });
  }
  // Memory is no share of a host's time: the plan counts it by itself.
  const ofTime = { ...host, memoryBytes: Number.POSITIVE_INFINITY };
  return able
    .sort((a, b) => compare(a, b, demand, rows))
    .map(({ entry }) => usableColumn(entry, { share: hostShare(entry.variant, ofTime), latencyMs, rows }));
}

/** Returns the first of `columnsOf`, or null. */
export function columnOf(catalog: Catalog, host: TypedHost, demand: ClassDemand): Column | null {
  return columnsOf(catalog, host, demand)[0] ?? null;
}

/** Returns the variants that may answer a class: accurate enough, and in time with nothing in their way. */
export function adequateEntries(catalog: Catalog, demand: ClassDemand): readonly VariantEntry[] {
  const { target, minAccuracy, latencyMs } = demand;
  const rows = rowsOf(demand);
  const entries = findTarget(catalog, target)?.entries ?? [];
  return entries.filter(
    (entry) =>
      (minAccuracy === null || entry.accuracy >= minAccuracy) &&
      (latencyMs === null || serviceMs(entry, rows) <= latencyMs),
  );
}

/**
 * Returns by how much a variant falls short of what the objective of a class asks for, 0 to 1, beside the best adequate
 * one; 0 for `min-cost`, which any adequate variant satisfies.
 */
export function shortfall(entry: VariantEntry, best: VariantEntry, demand: ClassDemand): number {
  if (demand.objective === "min-cost") return 0;
  if (demand.objective === "max-accuracy")
    return Math.max(0, best.accuracy - entry.accuracy) / Math.max(best.accuracy, Number.EPSILON);
  const rows = rowsOf(demand);
  return Math.max(0, 1 - serviceMs(best, rows) / Math.max(serviceMs(entry, rows), Number.EPSILON));
}

function rowsOf({ rowsPerQuery }: ClassDemand): number {
  return Math.max(1, Math.round(rowsPerQuery));
}

/** A variant with the price of an item. */
interface Able {
  readonly entry: VariantEntry;
  readonly itemUsd: number;
}

/** Order of preference, as selection has it; the index decides between equals. */
function compare(
  { entry: a, itemUsd: x }: Able,
  { entry: b, itemUsd: y }: Able,
  demand: ClassDemand,
  rows: number,
): number {
  const byCost = x - y || a.index - b.index;
  if (demand.objective === "max-accuracy") return b.accuracy - a.accuracy || byCost;
  if (demand.objective === "min-latency") return serviceMs(a, rows) - serviceMs(b, rows) || byCost;
  return byCost;
}

interface Use {
  /** Of its host's time that one instance takes. */
  readonly share: number;
  readonly latencyMs: number | null;
  readonly rows: number;
}

/** Rows per second in the largest batches whose latency fits the objective twice; at most saturation throughput. */
function usableColumn(entry: VariantEntry, { share, latencyMs, rows }: Use): Column {
  const { profile, concurrency } = entry.variant;
  const { saturationPerSecond } = profile;
  let [batch, batchMs] = [rows, serviceMs(entry, rows)];
  let perSecond = (concurrency * rows * 1000) / batchMs;
  for (const point of profile.points) {
    if (latencyMs !== null && LATENCIES_PER_OBJECTIVE * point.p95Ms > latencyMs) continue;
    const ofBatch = (concurrency * point.batch * 1000) / point.p50Ms;
    if (ofBatch > perSecond) [batch, batchMs, perSecond] = [point.batch, point.p95Ms, ofBatch];
  }
  const rowsPerSecond = latencyMs === null ? saturationPerSecond : Math.min(perSecond, saturationPerSecond);
  return { entry, rowsPerSecond, share, serviceMs: batchMs, batch };
}
