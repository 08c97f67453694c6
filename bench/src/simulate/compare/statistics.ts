import type { Random } from "@infaas/runtime";

/** A mean with the interval that holds it with 95 % confidence. */
export interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2_000;
const TAIL = 0.025;

/** Returns the mean of values, one for each seed, with its percentile bootstrap interval. Pure but for the numbers it is given. */
export function bootstrapped(values: readonly number[], random: Random): Estimate {
  const mean = meanOf(values);
  const means = Array.from({ length: RESAMPLES }, () =>
    meanOf(values.map(() => values[Math.floor(random.next() * values.length)] ?? mean)),
  ).sort((a, b) => a - b);
  const at = (share: number) => means[Math.min(RESAMPLES - 1, Math.floor(share * RESAMPLES))] ?? mean;
  return { mean, low: at(TAIL), high: at(1 - TAIL) };
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
