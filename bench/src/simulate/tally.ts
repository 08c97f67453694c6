import { Code } from "@infaas/runtime";

/** What became of queries. */
export interface Tally {
  offered: number;
  inTime: number;
  late: number;
  /** By code. */
  readonly refused: Map<Code, number>;
  /** The frontend that had it was lost. */
  lost: number;
  cancelled: number;
  /** Answered after waiting for a load, and by less than the best adequate variant because of load. */
  cold: number;
  /** Late ones of those. */
  coldLate: number;
  downgraded: number;
  /** Of answered ones: time beside the engine's, from arrival to answer, ms. */
  waitMs: number;
  totalMs: number;
  /** Accuracies added up. */
  accuracy: number;
  /** US dollars of their receipts. */
  receiptsUsd: number;
}

export function emptyTally(): Tally {
  return {
    offered: 0,
    inTime: 0,
    late: 0,
    refused: new Map(),
    lost: 0,
    cancelled: 0,
    cold: 0,
    coldLate: 0,
    downgraded: 0,
    waitMs: 0,
    totalMs: 0,
    accuracy: 0,
    receiptsUsd: 0,
  };
}

export function answeredOf({ inTime, late }: Tally): number {
  return inTime + late;
}

export function refusedOf({ refused }: Tally): number {
  return [...refused.values()].reduce((sum, count) => sum + count, 0);
}

/** Queries whose end is not known; 0 once all have ended: the books balance. */
export function openOf(tally: Tally): number {
  return tally.offered - answeredOf(tally) - refusedOf(tally) - tally.lost - tally.cancelled;
}

/** Returns the sum of tallies. */
export function sumOf(tallies: readonly Tally[]): Tally {
  const sum = emptyTally();
  for (const one of tallies) {
    for (const key of summed) sum[key] += one[key];
    for (const [code, count] of one.refused) sum.refused.set(code, (sum.refused.get(code) ?? 0) + count);
  }
  return sum;
}

const summed = [
  ...["offered", "inTime", "late", "lost", "cancelled", "cold", "coldLate", "downgraded"],
  ...["waitMs", "totalMs", "accuracy", "receiptsUsd"],
] as Exclude<keyof Tally, "refused">[];

/** Refusals that say that a query would have been late, and those for want of room. */
export const SHED: readonly Code[] = [Code.DEADLINE_EXCEEDED];
export const FULL: readonly Code[] = [Code.RESOURCE_EXHAUSTED];
