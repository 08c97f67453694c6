import type { Objective, Slo } from "@infaas/policy";

/** Queries that ask for the same: demand is counted by these. */
export interface DemandClass {
  /** Task, architecture or variant by its full name; empty: classes beyond those that are counted apart. */
  readonly target: string;
  /** Accuracy floor, rounded up to thousandths; null: none. */
  readonly minAccuracy: number | null;
  /** Latency objective in ms, rounded down to two digits; null: none. */
  readonly latencyMs: number | null;
  readonly objective: Objective;
}

/** What became of the queries of a class since the process that counts began. */
export interface DemandCounts {
  /** Queries that came, whatever became of them; a query that is sent twice counts once. */
  offered: number;
  /** Rows of these. */
  rows: number;
  /** Answered within their latency objective, or without having one. */
  inTime: number;
  /** Answered after it. */
  late: number;
  /** Refused or failed, for whatever reason. */
  refused: number;
  /** Cancelled by their callers. */
  givenUp: number;
}

/** Counts of one class. */
export interface DemandReading {
  readonly demandClass: DemandClass;
  readonly counts: Readonly<DemandCounts>;
}

/** Where queries are counted whose class is one too many. */
export const OTHER_DEMAND: DemandClass = {
  target: "",
  minAccuracy: null,
  latencyMs: null,
  objective: "min-cost",
};

const ACCURACY_STEPS = 1000;
/** Rounding error of binary fractions, in steps: 0.985 is a floor of 985 thousandths, not of 986. */
const STEP_SLACK = 1e-9;

/** Returns the class of a query. */
export function demandClass(target: string, { minAccuracy, latencyMs, objective }: Slo): DemandClass {
  return {
    target,
    minAccuracy: minAccuracy === null ? null : thousandthsUp(minAccuracy),
    latencyMs: latencyMs === null ? null : twoDigits(latencyMs),
    objective,
  };
}

/** Returns a text that equal classes share. */
export function demandKey({ target, minAccuracy, latencyMs, objective }: DemandClass): string {
  return `${target}\n${minAccuracy}\n${latencyMs}\n${objective}`;
}

/** Counts of a class without any query. */
export function noDemand(): DemandCounts {
  return { offered: 0, rows: 0, inTime: 0, late: 0, refused: 0, givenUp: 0 };
}

function thousandthsUp(value: number): number {
  return Math.max(0, Math.ceil(value * ACCURACY_STEPS - STEP_SLACK)) / ACCURACY_STEPS;
}

function twoDigits(value: number): number {
  if (value <= 0) return 0;
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Number((Math.floor(value / unit + STEP_SLACK) * unit).toPrecision(2));
}
