import { Precision } from "@infaas/api";

/**
 * Difference of answers in full precision, relative to the largest output: processors, and batches of other sizes, order
 * sums differently.
 */
const FULL_PRECISION_TOLERANCE = 1e-4;
/**
 * The same in int8, where a last bit may move a value across a rounding step: a few steps of 1/255 of the
 * range.
 */
const INT8_TOLERANCE = 2e-2;

/**
 * Distance of two neighbours of a datatype with few digits, at most, relative to them. A model that computes in it rounds each
 * value to one of them, and a sum in another order is now and then rounded to the next.
 */
const STEPS: Readonly<Record<string, number>> = { FP16: 2 ** -10, BF16: 2 ** -7 };

/** Returns how far two answers to one query may be apart, relative to the largest magnitude of the output where that is above 1. */
export function answerTolerance(precision: Precision): number {
  return precision === Precision.INT8 ? INT8_TOLERANCE : FULL_PRECISION_TOLERANCE;
}

/**
 * Returns the largest absolute difference that counts as the same answer in an output whose largest magnitude is given:
 * `tolerance`, relative to the magnitude where that is above 1, and a step of its datatype at least.
 */
export function allowedDifference(tolerance: number, datatype: string, magnitude: number): number {
  return Math.max(tolerance * Math.max(1, magnitude), (STEPS[datatype] ?? 0) * magnitude);
}
