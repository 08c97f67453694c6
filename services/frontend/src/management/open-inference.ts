import { GRPCInferenceService } from "@infaas/api";
import { Code, type Implementation, implementService, type LogLevels, ServiceError } from "@infaas/runtime";
import { findNamed, lookUpNamed } from "../query/named-model";
import type { SharedMemoryRegions } from "../query/shared-memory-regions";
import type { Statistics } from "../telemetry/statistics";
import type { TraceSettings } from "../telemetry/trace-settings";
import type { ClusterView } from "../view/cluster-view";
import { isReady } from "../view/model-readiness";
import { modelConfig, modelMetadata } from "./model-config";
import { modelStatistics } from "./model-statistics";
import { type RepositoryServiceOptions, repositoryHandlers } from "./repository-service";
import { settingsHandlers } from "./settings-service";
import { sharedMemoryHandlers } from "./shared-memory-service";

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
    serverReady: async () => ({ ready: canAnswer(view) }),
    serverMetadata: async () => ({ name: "infaas", version: o.version, extensions: EXTENSIONS }),
    modelReady: async ({ name, version }) => ({ ready: isModelReady(view, name, version) }),
    modelMetadata: async ({ name, version }) => modelMetadata(name, findNamed(view, name, version)),
    modelConfig: async ({ name, version }) => ({ config: modelConfig(name, findNamed(view, name, version)) }),
    modelStatistics: async ({ name, version }) => {
      if (name !== "") return { modelStats: [modelStatistics(name, findNamed(view, name, version), o)] };
      return {
        modelStats: view.catalog.models.map((model) => modelStatistics(model.name, model, o)),
      };
    },
  });
}

/** Metadata has told what is registered, and some executor takes work: without either every query would be refused. */
function canAnswer({ isReady: isKnown, executors }: ClusterView): boolean {
  return isKnown && [...executors.values()].some((executor) => executor.accepting);
}

/** A name that is not known is not ready, which is no failure (Triton's `ModelIsReady`); a version that is no number is. */
function isModelReady(view: ClusterView, name: string, version: string): boolean {
  const found = lookUpNamed(view, name, version);
  if (!(found instanceof ServiceError)) return isReady(view, found.model);
  if (found.code === Code.NOT_FOUND || found.code === Code.UNAVAILABLE) return false;
  throw found;
}
