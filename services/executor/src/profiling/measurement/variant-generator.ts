import { Precision } from "@infaas/api";

/** Engine of every generated variant. */
export const ENGINE = "onnxruntime";

/** How one instance uses the cores of its host. */
export interface CorePlan {
  /** Cores one batch uses. */
  readonly threads: number;
  /** Batches one instance runs at once. */
  readonly concurrency: number;
}

/**
 * Returns the ways to use the cores: one batch per core, and all cores for one batch; one way on a single
 * core.
 */
export function corePlans(cores: number): CorePlan[] {
  const perCore = { threads: 1, concurrency: cores };
  return cores === 1 ? [perCore] : [perCore, { threads: cores, concurrency: 1 }];
}

/** Returns the largest batches of the variants: 1, and that of the file unless it is 1. */
export function maxBatches(largestBatch: number): number[] {
  return largestBatch === 1 ? [1] : [1, largestBatch];
}

/** Returns the name of a variant; it is never parsed. */
export function variantName(o: {
  readonly architecture: string;
  readonly version: number;
  readonly precision: Precision;
  readonly threads: number;
  readonly maxBatch: number;
}): string {
  return `${o.architecture}.v${o.version}.${ENGINE}-cpu-${precisionName(o.precision)}-t${o.threads}-b${o.maxBatch}`;
}

/** Returns a precision as written in names and messages, for example `int8`. */
export function precisionName(precision: Precision): string {
  return Precision[precision].toLowerCase();
}
