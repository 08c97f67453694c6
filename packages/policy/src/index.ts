/** Every decision, pure: no clock, no I/O, no randomness. */

export {
  EXECUTOR_RETRY_MS,
  EXPLAINED_MAX,
  PACKING_MARGIN,
  RETRY_MIN_MS,
  ROOM_RETRY_MS,
  UNSTATED_WAIT_MAX_MS,
} from "./bounds";
export {
  buildCatalog,
  type Catalog,
  type CatalogInput,
  findTarget,
  type TargetIndex,
  type VariantEntry,
} from "./catalog";
export { costPerQueryUsd, costPerThousandUsd, fitsHost, type Host, hostShare } from "./cost";
export type {
  Cold,
  Decision,
  Infeasible,
  Saturated,
  Selected,
  StartLoad,
  Unknown,
  Verdict,
} from "./decision";
export { type Candidate, type Explanation, explainDecision } from "./explanation";
export {
  type BatchSamples,
  bestBatch,
  fitProfile,
  type LatencyProfile,
  predictBatchMs,
  type Quantile,
} from "./latency-profile";
export type { Offer, Requirement } from "./offers";
export { type Resolution, resolveTarget } from "./resolve-target";
export { selectVariant } from "./selection";
export { buildSnapshot, type Snapshot, type SnapshotInput, withInstances } from "./snapshot";
export type {
  Accuracy,
  AffineFit,
  BatchLatency,
  DeviceKind,
  Executor,
  Instance,
  InstanceState,
  Objective,
  Precision,
  Profile,
  Query,
  Slo,
  Target,
  Variant,
} from "./types";
