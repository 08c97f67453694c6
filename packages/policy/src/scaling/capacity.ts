import { type Catalog, findTarget, predictRowsMs, serviceMs, type VariantEntry } from "../catalog";
import { costPerQueryUsd, fitsHost, type Host } from "../cost";
import { predictBatchMs } from "../latency-profile";
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
  /** Mean rows of a query, at least 1. */
  readonly rowsPerQuery: number;
  /** Queries that the rate is of; 0: nobody asks at present. */
  readonly arrivals: number;
  /** Queries per second. */
  readonly rate: RateInterval;
  /** What became of them; absent where nobody counts. */
  readonly figures?: DemandFigures;
}

/** The variant that a class is planned with, and what one host of it gives. */
export interface Column {
  readonly entry: VariantEntry;
  /** Rows per second of a host that does nothing else, in batches that leave every query its objective. */
  readonly rowsPerSecond: number;
}

/** A batch is usable for an objective of so many times its latency: a query may come just after one was closed. */
const LATENCIES_PER_OBJECTIVE = 2;

/** Hosts of one type; what was measured on another says nothing of these. */
export interface TypedHost extends Host {
  readonly hostType: string;
}

/**
 * Returns the variant that serves a class on hosts of one type: the one that selection takes there when all are loaded and
 * idle, so the cheapest adequate one for `min-cost`. Null: none that was measured there is adequate, and no number of
 * hosts helps.
 */
export function columnOf(catalog: Catalog, host: TypedHost, demand: ClassDemand): Column | null {
  const rows = Math.max(1, Math.round(demand.rowsPerQuery));
  let best: VariantEntry | null = null;
  for (const entry of adequateEntries(catalog, demand)) {
    if (entry.variant.profile.hostType !== host.hostType || !fitsHost(entry.variant, host)) continue;
    if (best === null || compare(entry, best, { demand, host, rows }) < 0) best = entry;
  }
  return best === null ? null : { entry: best, rowsPerSecond: usableRate(best, demand.latencyMs, rows) };
}

/** Returns the variants that may answer a class: accurate enough, and in time with nothing in their way. */
export function adequateEntries(catalog: Catalog, demand: ClassDemand): readonly VariantEntry[] {
  const { target, minAccuracy, latencyMs } = demand;
  const rows = Math.max(1, Math.round(demand.rowsPerQuery));
  const entries = findTarget(catalog, target)?.entries ?? [];
  return entries.filter(
    (entry) =>
      (minAccuracy === null || entry.accuracy >= minAccuracy) &&
      (latencyMs === null || serviceMs(entry, rows) <= latencyMs),
  );
}

interface Comparing {
  readonly demand: ClassDemand;
  readonly host: Host;
  readonly rows: number;
}

/** Order of preference, as selection has it; the index decides between equals. */
function compare(a: VariantEntry, b: VariantEntry, { demand, host, rows }: Comparing): number {
  const byCost = costPerQueryUsd(a.variant, host) - costPerQueryUsd(b.variant, host) || a.index - b.index;
  if (demand.objective === "max-accuracy") return b.accuracy - a.accuracy || byCost;
  if (demand.objective === "min-latency") return serviceMs(a, rows) - serviceMs(b, rows) || byCost;
  return byCost;
}

/** Rows per second in the largest batches whose latency fits the objective twice; at most saturation throughput. */
function usableRate({ variant }: VariantEntry, latencyMs: number | null, rows: number): number {
  const { profile, concurrency } = variant;
  const { saturationPerSecond } = profile;
  if (latencyMs === null) return saturationPerSecond;
  const usable = profile.points.filter((p) => LATENCIES_PER_OBJECTIVE * p.p95Ms <= latencyMs);
  const inBatches = usable.map(
    ({ batch }) => (concurrency * batch * 1000) / predictBatchMs(profile, batch, "p50"),
  );
  const alone = (concurrency * rows * 1000) / predictRowsMs(variant, rows);
  return Math.min(saturationPerSecond, Math.max(alone, ...inBatches));
}
