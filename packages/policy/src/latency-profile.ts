import type { AffineFit, BatchLatency, Profile } from "./types";

/** Which measured quantile a prediction reads. */
export type Quantile = "p50" | "p95" | "p99";

/** Raw measurements of one batch size, in milliseconds, in any order. */
export interface BatchSamples {
  readonly batch: number;
  readonly samplesMs: readonly number[];
}

/** The latency part of a profile. */
export interface LatencyProfile {
  readonly points: readonly BatchLatency[];
  readonly fit: AffineFit;
}

/**
 * A larger batch must give this much more items/s to be worth it; below that the gain is noise of the
 * measurement.
 */
const WORTHWHILE_GAIN = 1.02;

/**
 * Returns quantiles by batch size, ascending, and the affine fit over the p50s.
 * Batch sizes without a sample are left out; without any the fit is flat zero.
 */
export function fitProfile(measured: readonly BatchSamples[]): LatencyProfile {
  const points = measured
    .filter((m) => m.samplesMs.length > 0)
    .map(toPoint)
    .sort((a, b) => a.batch - b.batch);
  return { points, fit: fitLine(points) };
}

/**
 * Returns the predicted latency of one batch of `batch` items: linear between the measured sizes, the slope
 * of the fit beyond the largest, and the fit itself when nothing was measured. Never negative.
 */
export function predictBatchMs(
  profile: Pick<Profile, "points" | "fit">,
  batch: number,
  quantile: Quantile,
): number {
  const { points, fit } = profile;
  let below: BatchLatency | undefined;
  for (const point of points) {
    if (point.batch === batch) return quantileOf(point, quantile);
    if (point.batch > batch)
      return below ? between(below, point, batch, quantile) : quantileOf(point, quantile);
    below = point;
  }
  if (!below) return Math.max(0, fit.alphaMs + fit.betaMs * batch);
  return quantileOf(below, quantile) + Math.max(0, fit.betaMs) * (batch - below.batch);
}

/** Returns the measured batch size after which items/s stops rising, by p50; 1 when nothing was measured. */
export function bestBatch(profile: Pick<Profile, "points">): number {
  let best = 1;
  let bestPerMs = 0;
  for (const point of profile.points) {
    const perMs = point.batch / point.p50Ms;
    if (perMs > bestPerMs * WORTHWHILE_GAIN) {
      best = point.batch;
      bestPerMs = perMs;
    }
  }
  return best;
}

function toPoint(measured: BatchSamples): BatchLatency {
  const sorted = [...measured.samplesMs].sort((a, b) => a - b);
  return {
    batch: measured.batch,
    p50Ms: nearestRank(sorted, 0.5),
    p95Ms: nearestRank(sorted, 0.95),
    p99Ms: nearestRank(sorted, 0.99),
  };
}

function nearestRank(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

/**
 * Least squares. One point gives a line through it and the origin of the batch axis: all of it is fixed cost.
 */
function fitLine(points: readonly BatchLatency[]): AffineFit {
  const count = points.length;
  if (count === 0) return { alphaMs: 0, betaMs: 0, worstResidualMs: 0 };
  const meanBatch = points.reduce((sum, p) => sum + p.batch, 0) / count;
  const meanMs = points.reduce((sum, p) => sum + p.p50Ms, 0) / count;
  let covariance = 0;
  let variance = 0;
  for (const p of points) {
    covariance += (p.batch - meanBatch) * (p.p50Ms - meanMs);
    variance += (p.batch - meanBatch) ** 2;
  }
  const betaMs = variance > 0 ? covariance / variance : 0;
  const alphaMs = meanMs - betaMs * meanBatch;
  // A host with a quota runs small batches unhindered and stops in large ones: the line would begin below 0.
  return alphaMs < 0 ? withResidual(points, 0, throughOrigin(points)) : withResidual(points, alphaMs, betaMs);
}

function throughOrigin(points: readonly BatchLatency[]): number {
  const products = points.reduce((sum, p) => sum + p.batch * p.p50Ms, 0);
  return products / points.reduce((sum, p) => sum + p.batch ** 2, 0);
}

function withResidual(points: readonly BatchLatency[], alphaMs: number, betaMs: number): AffineFit {
  const residuals = points.map((p) => Math.abs(p.p50Ms - (alphaMs + betaMs * p.batch)));
  return { alphaMs, betaMs, worstResidualMs: Math.max(...residuals) };
}

function between(low: BatchLatency, high: BatchLatency, batch: number, quantile: Quantile): number {
  const share = (batch - low.batch) / (high.batch - low.batch);
  const lowMs = quantileOf(low, quantile);
  return lowMs + (quantileOf(high, quantile) - lowMs) * share;
}

function quantileOf(point: BatchLatency, quantile: Quantile): number {
  if (quantile === "p50") return point.p50Ms;
  return quantile === "p95" ? point.p95Ms : point.p99Ms;
}
