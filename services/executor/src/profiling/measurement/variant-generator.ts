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
 * Items per second must rise by this factor from one batch size to the next, or the smaller one is the knee.
 */
const KNEE_GAIN = 1.05;

/**
 * Returns the ways to use the cores: one batch per core, and all cores for one batch; one way on a single
 * core.
 */
export function corePlans(cores: number): CorePlan[] {
  const perCore = { threads: 1, concurrency: cores };
  return cores === 1 ? [perCore] : [perCore, { threads: cores, concurrency: 1 }];
}

/** Returns the largest batches of the variants: 1, and the knee unless it is 1. */
export function maxBatches(kneeBatch: number): number[] {
  return kneeBatch === 1 ? [1] : [1, kneeBatch];
}

/**
 * Returns the batch size from which items per second stop rising by 5 % a step. A larger size that makes up
 * for one flat step counts, since a single point may have been disturbed.
 * @param points Ascending by batch, the first is batch 1.
 */
export function findKnee(points: readonly { readonly batch: number; readonly p50Ms: number }[]): number {
  let knee = 1;
  let best = 0;
  for (const { batch, p50Ms } of points) {
    const perSecond = batch / p50Ms;
    const steps = best === 0 ? 0 : Math.log2(batch / knee);
    if (best !== 0 && perSecond < best * KNEE_GAIN ** steps) continue;
    knee = batch;
    best = perSecond;
  }
  return knee;
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
