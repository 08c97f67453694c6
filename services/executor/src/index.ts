/** The executor: owns a host's devices, loads variants, runs batches. */

export { analyseRows, decodeModel, type OnnxModel, type RowAnalysis } from "@infaas/onnx";
export { executorOptions } from "./config";
export { ExecutorCore, type ExecutorCorePorts } from "./core/executor-core";
export { readFigures, type ToldFigures } from "./core/read-figures";
export { sizedFor } from "./core/sized-config";
export type {
  DirectFigures,
  DirectService,
  Engine,
  EngineAnswer,
  EngineOptions,
  EnginePort,
  EngineQuery,
  EngineTensor,
  LatencyPoint,
  StageTimes,
} from "./engines/engine-port";
export { nativeEngines, nativeEngineVersion } from "./engines/native-engine";
export { ModelFolders } from "./files/model-folders";
export { ModelStore } from "./files/model-store";
export { type DesiredVariant, Executor, type ExecutorOptions, type InstanceLine } from "./instances/executor";
export { Instance, type InstancePorts, type InstanceState } from "./instances/instance";
export {
  type DesiredInstance,
  type HeldInstance,
  type MemoryBudget,
  planReconcile,
  type ReconcilePlan,
  type Shortfall,
} from "./instances/plan-reconcile";
export { instanceKey, type VariantSpec, variantSpec } from "./instances/variant-spec";
export { instruments } from "./metrics";
export type { ProfilePorts } from "./profiling/measurement/profile-ports";
export { profileModel } from "./profiling/profile-model";
