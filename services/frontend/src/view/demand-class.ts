import { type Objective, type RefusalReason, refusalReasons, type Slo } from "@infaas/policy";

/** Queries that ask for the same: demand is counted by these. */
export interface DemandClass {
  /** Task, architecture or variant by its full name; empty: classes that are not counted apart. */
  readonly target: string;
  /** Accuracy floor, rounded up to thousandths; null: none. */
  readonly minAccuracy: number | null;
  /** Least latency objective of its bucket, ms: objectives of one bucket differ by less than a factor of 1.5; null: none. */
  readonly latencyFromMs: number | null;
  /** US dollars per 1,000 queries, rounded down to two digits; null: any. */
  readonly maxCostUsd: number | null;
  readonly objective: Objective;
  readonly noDowngrade: boolean;
  /** Least rows of its bucket, a power of two: queries of one bucket differ by less than a factor of two. */
  readonly rowsFrom: number;
}

/**
 * What is counted of a class. `offered`: queries that came, whatever became of them, with their `rows`; one that its caller
 * sends again counts in `retried` alone. Of their ends: `inTime` (or without an objective), `late`, refused by reason,
 * `givenUp` by the caller; of those answered, `downgraded` and `cold` (after a load that they waited for).
 */
export const demandFields = [
  "offered",
  "rows",
  "retried",
  "inTime",
  "late",
  "givenUp",
  "downgraded",
  "cold",
  ...refusalReasons.map((reason) => `refused.${reason}` as const),
] as const;
export type DemandField =
  | Exclude<(typeof demandFields)[number], `refused.${string}`>
  | `refused.${RefusalReason}`;

/** Counts of one class since the process that counts began. */
export type DemandCounts = Record<DemandField, number>;

/** Counts of one class, with what of it is no count. */
export interface DemandReading {
  readonly demandClass: DemandClass;
  readonly counts: Readonly<DemandCounts>;
  /** The tightest latency objective that was asked for, ms; null: none was. */
  readonly latencyMs: number | null;
  /** The most arrivals lately in windows of these lengths; windows with fewer than two are left out. */
  readonly bursts: ReadonlyMap<number, number>;
}

/** Where queries are counted whose class is one too many. */
export const OTHER_DEMAND: DemandClass = {
  target: "",
  minAccuracy: null,
  latencyFromMs: null,
  maxCostUsd: null,
  objective: "min-cost",
  noDowngrade: false,
  rowsFrom: 1,
};

const ACCURACY_STEPS = 1000;
/** Rounding error of binary fractions, in steps: 0.985 is a floor of 985 thousandths, not of 986. */
const STEP_SLACK = 1e-9;
/** Objectives of one bucket differ by less than this factor. */
const LATENCY_FACTOR = 1.5;

/** Returns the class of a query. */
export function demandClass(target: string, slo: Slo, rows: number): DemandClass {
  const { minAccuracy, latencyMs, maxCostUsd, objective, noDowngrade } = slo;
  return {
    target,
    minAccuracy: minAccuracy === null ? null : thousandthsUp(minAccuracy),
    latencyFromMs: latencyMs === null ? null : latencyBucket(latencyMs),
    maxCostUsd: maxCostUsd === null ? null : twoDigits(maxCostUsd),
    objective,
    noDowngrade,
    rowsFrom: rowsBucket(rows),
  };
}

/** Returns a text that equal classes share. */
export function demandKey(of: DemandClass): string {
  const { target, minAccuracy, latencyFromMs, maxCostUsd, objective, noDowngrade, rowsFrom } = of;
  return `${target}\n${minAccuracy}\n${latencyFromMs}\n${maxCostUsd}\n${objective}\n${noDowngrade}\n${rowsFrom}`;
}

/** Counts of a class without any query. */
export function noDemand(): DemandCounts {
  return Object.fromEntries(demandFields.map((field) => [field, 0])) as DemandCounts;
}

/** Returns the largest power of two that is at most `rows`. */
export function rowsBucket(rows: number): number {
  return 2 ** Math.max(0, Math.floor(Math.log2(rows)));
}

function thousandthsUp(value: number): number {
  return Math.max(0, Math.ceil(value * ACCURACY_STEPS - STEP_SLACK)) / ACCURACY_STEPS;
}

function latencyBucket(latencyMs: number): number {
  if (latencyMs <= 0) return 0;
  const step = Math.floor(Math.log(latencyMs) / Math.log(LATENCY_FACTOR) + STEP_SLACK);
  return Number((LATENCY_FACTOR ** step).toPrecision(4));
}

function twoDigits(value: number): number {
  if (value <= 0) return 0;
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Number((Math.floor(value / unit + STEP_SLACK) * unit).toPrecision(2));
}
