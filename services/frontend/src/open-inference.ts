import type { MessageInitShape } from "@bufbuild/protobuf";
import { GRPCInferenceService, type ModelStatisticsSchema, type StatisticDurationSchema } from "@infaas/api";
import { Code, type Implementation, implementService, ServiceError } from "@infaas/runtime";
import type { CatalogModel, Lookup } from "./catalog";
import type { ClusterView } from "./cluster-view";
import { modelConfig, modelMetadata } from "./model-config";
import type { ModelTotals, Statistics } from "./statistics";

/** What the protocol's methods are answered from. */
export interface OpenInferenceOptions {
  readonly view: ClusterView;
  readonly statistics: Statistics;
  readonly version: string;
}

/** What is implemented of the protocol's optional parts, by Triton's names. */
const EXTENSIONS = [
  "model_configuration",
  "schedule_policy",
  "parameters",
  "statistics",
  "binary_tensor_data",
];

/**
 * The Open Inference Protocol's methods besides ModelInfer, for variants and virtual models alike. Answers carry the name
 * that was asked for, also an alias or a shortened task: perf_analyzer looks for that one in the statistics.
 */
export function openInference(o: OpenInferenceOptions): Implementation {
  const { view, statistics } = o;
  return implementService(GRPCInferenceService, {
    serverLive: async () => ({ live: true }),
    serverReady: async () => ({ ready: view.isReady }),
    serverMetadata: async () => ({ name: "infaas", version: o.version, extensions: EXTENSIONS }),
    modelReady: async ({ name, version }) => ({ ready: isReady(view, findModel(view, name, version)) }),
    modelMetadata: async ({ name, version }) => modelMetadata(name, findModel(view, name, version)),
    modelConfig: async ({ name, version }) => ({ config: modelConfig(name, findModel(view, name, version)) }),
    modelStatistics: async ({ name, version }) => {
      if (name !== "")
        return { modelStats: [modelStatistics(name, findModel(view, name, version), statistics)] };
      return {
        modelStats: view.catalog.models.map((model) => modelStatistics(model.name, model, statistics)),
      };
    },
    repositoryIndex: async (request) => {
      if (request.repositoryName !== "") {
        throw new ServiceError(
          Code.UNIMPLEMENTED,
          `repository '${request.repositoryName}' is not known; there is one repository, leave the name empty`,
        );
      }
      return { models: repositoryIndex(view, request.ready) };
    },
  });
}

/**
 * The model of this name and version; an empty version is the current one.
 * NOT_FOUND for an unknown name or version, INVALID_ARGUMENT for a version that is no whole number.
 */
export function findModel(view: ClusterView, name: string, version: string): CatalogModel {
  const found = lookUp(view, name, version);
  if (found instanceof ServiceError) throw found;
  return found;
}

/** As `findModel`, with the refusal as a value. */
export function lookUp(view: ClusterView, name: string, version: string): CatalogModel | ServiceError {
  const found = view.catalog.find(name, version);
  if (found.kind === "found") return found.model;
  if (found.kind === "bad-version") {
    return new ServiceError(
      Code.INVALID_ARGUMENT,
      `model version is '${version}'; allowed: a positive whole number as text, or empty for the current one`,
    );
  }
  return new ServiceError(
    Code.NOT_FOUND,
    `Request for unknown model: '${name}' ${whyNot(view, version, found)}`,
  );
}

/** Tasks named in a NOT_FOUND message. */
const TASKS_NAMED_MAX = 8;

function whyNot(
  { catalog }: ClusterView,
  version: string,
  found: Exclude<Lookup, { kind: "found" | "bad-version" }>,
): string {
  if (found.kind === "no-version")
    return `version ${version} is not found; current is ${found.available.at(-1)}`;
  if (found.kind === "ambiguous") return `is one of several: ${found.candidates.join(", ")}`;
  const known = catalog.tasks.map((t) => t.name).slice(0, TASKS_NAMED_MAX);
  return `is not found; ${known.length === 0 ? "nothing is registered" : `tasks registered: ${known.join(", ")}`}`;
}

/** True when a query of this name can be answered now or after a load: some executor takes work and a variant exists. */
function isReady(view: ClusterView, model: CatalogModel): boolean {
  if (model.variants.length === 0) return false;
  const names = new Set(model.variants.map((v) => v.name));
  if (view.instances.some((instance) => names.has(instance.variant))) return true;
  return [...view.executors.values()].some((executor) => executor.accepting);
}

function repositoryIndex(view: ClusterView, readyOnly: boolean) {
  const loaded = new Set(view.instances.map((instance) => instance.variant));
  return view.catalog.models.flatMap((model) => {
    const ready = model.variants.some((v) => loaded.has(v.name));
    if (readyOnly && !ready) return [];
    const { name, version } = model;
    return [{ name, version, state: ready ? "READY" : "UNAVAILABLE", reason: ready ? "" : "unloaded" }];
  });
}

function modelStatistics(
  name: string,
  model: CatalogModel,
  statistics: Statistics,
): MessageInitShape<typeof ModelStatisticsSchema> {
  const names = new Set([model.name, ...model.variants.map((v) => v.name)]);
  const t = statistics.totalsOf(names);
  return {
    name,
    version: model.version,
    lastInference: BigInt(Math.round(t.lastInferenceEpochMs)),
    inferenceCount: BigInt(t.inferenceCount),
    executionCount: BigInt(t.executionCount),
    inferenceStats: inferenceStats(t),
    batchStats: [...t.batches].map(([size, b]) => ({
      batchSize: BigInt(size),
      computeInput: duration(b.executionCount, b.gatherMs),
      computeInfer: duration(b.executionCount, b.runMs),
      computeOutput: duration(b.executionCount, b.scatterMs),
    })),
  };
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
