/** The executor: owns a host's devices, loads variants, runs batches. */
export { executorOptions } from "./config";
export type {
  Engine,
  EngineAnswer,
  EngineOptions,
  EnginePort,
  EngineQuery,
  EngineTensor,
  LatencyPoint,
} from "./engine-port";
export { Executor, type ExecutorOptions, type InstanceLine, type Wish } from "./executor";
export { Instance, type InstancePorts, type InstanceState } from "./instance";
export { instruments } from "./metrics";
export { type ArtifactSource, ModelStore } from "./model-store";
export {
  type HeldInstance,
  type MemoryBudget,
  planReconcile,
  type ReconcilePlan,
  type Shortfall,
  type WantedInstance,
} from "./plan-reconcile";
export { instanceKey, type VariantSpec, variantSpec } from "./variant-spec";
