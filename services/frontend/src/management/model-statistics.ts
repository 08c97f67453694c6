import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ModelStatisticsSchema, StatisticDurationSchema } from "@infaas/api";
import type { ModelTotals, Statistics } from "../telemetry/statistics";
import type { CatalogModel } from "../view/catalog";
import type { ClusterView } from "../view/cluster-view";

/** Sources of a model's statistics. */
export interface ModelStatisticsOptions {
  readonly view: ClusterView;
  readonly statistics: Statistics;
}

/**
 * Cumulative statistics of any name, shown under `name` as it was asked for: counts are exact, durations since this
 * frontend's start. An architecture is the sum of its variants, a task that of its architectures, and each has the
 * failures of queries that named it.
 */
export function modelStatistics(
  name: string,
  model: CatalogModel,
  { view, statistics }: ModelStatisticsOptions,
): MessageInitShape<typeof ModelStatisticsSchema> {
  const below = model.target.kind === "task" ? model.variants.map((v) => v.architecture) : [];
  const names = new Set([model.name, ...below, ...model.variants.map((v) => v.name)]);
  const t = statistics.totalsOf(names);
  return {
    name,
    version: model.version,
    lastInference: BigInt(Math.round(t.lastInferenceEpochMs)),
    inferenceCount: BigInt(t.inferenceCount),
    executionCount: BigInt(t.executionCount),
    inferenceStats: inferenceStats(t),
    memoryUsage: memoryUsage(model, view),
    batchStats: [...t.batches].map(([size, b]) => ({
      batchSize: BigInt(size),
      computeInput: duration(b.executionCount, b.gatherMs),
      computeInfer: duration(b.executionCount, b.runMs),
      computeOutput: duration(b.executionCount, b.scatterMs),
    })),
  };
}

/** Memory of the instances that are loaded, on all executors. */
function memoryUsage({ variants }: CatalogModel, { instances }: ClusterView) {
  const names = new Set(variants.map((v) => v.name));
  const loaded = instances.filter((instance) => names.has(instance.variant));
  if (loaded.length === 0) return [];
  const bytes = loaded.reduce((sum, instance) => sum + instance.memoryBytes, 0);
  return [{ type: "CPU", id: 0n, byteSize: BigInt(Math.round(bytes)) }];
}

function inferenceStats(t: ModelTotals) {
  return {
    success: duration(t.successCount, t.successMs),
    fail: duration(t.failCount, t.failMs),
    queue: duration(t.successCount, t.queueMs),
    computeInput: duration(t.successCount, t.gatherMs),
    computeInfer: duration(t.successCount, t.runMs),
    computeOutput: duration(t.successCount, t.scatterMs),
    cacheHit: duration(0, 0),
    cacheMiss: duration(0, 0),
  };
}

function duration(count: number, ms: number): MessageInitShape<typeof StatisticDurationSchema> {
  return { count: BigInt(count), ns: BigInt(Math.round(ms * 1e6)) };
}
