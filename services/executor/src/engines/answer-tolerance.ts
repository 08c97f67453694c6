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

/** Returns how far two answers to one query may be apart, relative to the largest magnitude of the output where that is above 1. */
export function answerTolerance(precision: Precision): number {
  return precision === Precision.INT8 ? INT8_TOLERANCE : FULL_PRECISION_TOLERANCE;
}
