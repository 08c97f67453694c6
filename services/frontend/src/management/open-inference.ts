import { GRPCInferenceService } from "@infaas/api";
import { Code, type Implementation, implementService, type LogLevels, ServiceError } from "@infaas/runtime";
import type { SharedMemoryRegions } from "../query/shared-memory-regions";
import type { Statistics } from "../telemetry/statistics";
import type { TraceSettings } from "../telemetry/trace-settings";
import type { CatalogModel, Lookup } from "../view/catalog";
import type { ClusterView } from "../view/cluster-view";
import { isReady } from "../view/model-readiness";
import { modelConfig, modelMetadata } from "./model-config";
import { modelStatistics } from "./model-statistics";
import { type RepositoryServiceOptions, repositoryHandlers } from "./repository-service";
import { settingsHandlers } from "./settings-service";
import { sharedMemoryHandlers } from "./shared-memory-service";

/** What the protocol's methods are answered from. */
export interface OpenInferenceOptions extends RepositoryServiceOptions {
  readonly view: ClusterView;
  readonly statistics: Statistics;
  readonly regions: SharedMemoryRegions;
  readonly traceSettings: TraceSettings;
  readonly logLevels: LogLevels;
  readonly version: string;
}

/** What is implemented of the protocol's optional parts, by Triton's names. */
const EXTENSIONS = [
  "trace",
  "logging",
  "model_repository",
  "model_repository(unload_dependents)",
  "classification",
  "system_shared_memory",
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
  const { view } = o;
  return implementService(GRPCInferenceService, {
    ...sharedMemoryHandlers(o.regions),
    ...repositoryHandlers(o),
    ...settingsHandlers(o),
    serverLive: async () => ({ live: true }),
    serverReady: async () => ({ ready: view.isReady }),
    serverMetadata: async () => ({ name: "infaas", version: o.version, extensions: EXTENSIONS }),
    modelReady: async ({ name, version }) => ({ ready: isReady(view, findModel(view, name, version)) }),
    modelMetadata: async ({ name, version }) => modelMetadata(name, findModel(view, name, version)),
    modelConfig: async ({ name, version }) => ({ config: modelConfig(name, findModel(view, name, version)) }),
    modelStatistics: async ({ name, version }) => {
      if (name !== "") return { modelStats: [modelStatistics(name, findModel(view, name, version), o)] };
      return {
        modelStats: view.catalog.models.map((model) => modelStatistics(model.name, model, o)),
      };
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
