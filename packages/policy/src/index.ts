/** Every decision, pure: no clock, no I/O, no randomness. */

export {
  EXECUTOR_RETRY_MS,
  EXPLAINED_MAX,
  RETRY_MIN_MS,
  ROOM_RETRY_MS,
  ROWS_MAX,
  UNSTATED_WAIT_MAX_MS,
} from "./bounds";
export {
  allEntries,
  buildCatalog,
  type Catalog,
  type CatalogInput,
  findTarget,
  predictRowsMs,
  restrictTarget,
  type TargetIndex,
  type VariantEntry,
} from "./catalog";
export { paperView, StateOnlyInstance } from "./compat/paper-view";
export { costPerQueryUsd, costPerThousandUsd, fitsHost, type Host, hostShare } from "./cost";
export type {
  Cold,
  Decision,
  Infeasible,
  Offer,
  Requirement,
  Saturated,
  Selected,
  StartLoad,
  Unknown,
  Verdict,
} from "./decision";
export { DynamicShares } from "./dynamic-shares";
export { type Candidate, type Explanation, explainDecision } from "./explanation";
export {
  type FairPace,
  type FairPlace,
  type FairQuery,
  FairQueue,
  type FairRefusal,
  fairWindowRows,
  TENANT_WAITING_MAX,
} from "./fair-queue";
export {
  FRESH_STATE,
  nextState,
  STATE_DEFAULTS,
  type StateOptions,
  type StateTrack,
  type StateWindow,
} from "./instance-state";
export { DEFAULT_PRIORITY, LANE_COUNT, laneOf, OFFLINE_PRIORITY } from "./lane";
export {
  type BatchSamples,
  bestBatch,
  fitProfile,
  type LatencyProfile,
  predictBatchMs,
  type Quantile,
} from "./latency-profile";
export { type DeadlineFacts, type DeadlinePlan, neededShare, planDeadline } from "./offline/offline-deadline";
export {
  FIRST_OFFLINE_SHARE,
  OFFLINE_MIN_SHARE,
  type OfflineFacts,
  type OfflineShare,
  offlineShare,
} from "./offline/offline-share";
export { type InitialPlacement, type PlannedInstance, paretoEfficient, planInitialPlacement } from "./pareto";
export { HEADROOM_AXES, headroom, type PoolLoad } from "./planning/headroom";
export { planningOf, planPlacement } from "./planning/plan-placement";
export type {
  PlacementPlan,
  PlanClass,
  PlanColumn,
  PlanHost,
  PlannedHost,
  PlanningProblem,
  PlanPrice,
} from "./planning/problem";
export { type PolicyName, policyNamed, policyNames } from "./policies";
export type { Policy } from "./policy";
export type { Query } from "./query";
export { type Resolution, resolveTarget } from "./resolve-target";
export {
  type ArrivalEnvelope,
  ArrivalWindows,
  addedEnvelopes,
  type Burst,
  burstBeyond,
  ENVELOPE_WINDOW_MAX_MS,
  type EnvelopePoint,
  envelopeRate,
  envelopeWindows,
} from "./scaling/arrival-envelope";
export { adequateEntries, type ClassDemand, type Column, classKey, columnOf } from "./scaling/capacity";
export { type ColdPhase, type ColdTimes, coldPhases } from "./scaling/cold-start";
export { type DemandFigures, type RefusalReason, refusalReasons } from "./scaling/demand-figures";
export type { HostChange } from "./scaling/host-changes";
export { type HostCost, type HostCosts, hostCosts, type PaidHost } from "./scaling/host-costs";
export {
  LoadLedger,
  type LoadPhase,
  type LoadPhases,
  type LoadTimes,
  loadPhases,
  type PhaseTime,
  phaseTime,
} from "./scaling/load-ledger";
export {
  PLACEMENT_PRIORITY,
  RANK_HOLD_MS,
  type RankedInstance,
  type RankMemory,
  rankPlacements,
} from "./scaling/placement-priority";
export { LOADS_PER_HOST_MAX, type PlacementStep } from "./scaling/placement-steps";
export { type PlanBasis, planDue, type RoundFacts } from "./scaling/plan-due";
export type { PlanLine, PlanLineKind } from "./scaling/plan-lines";
export {
  planScaling,
  SCALING_DEFAULTS,
  type ScalingOptions,
  type ScalingPlan,
  scalingOf,
} from "./scaling/plan-scaling";
export { ARRIVALS_ENOUGH, plannedRows, WINDOW_ENOUGH_MS } from "./scaling/planned-rate";
export { type RateInterval, rateInterval } from "./scaling/rate-interval";
export {
  type HostPool,
  hostName,
  hostNumber,
  type ScaledHost,
  type ScalingFacts,
} from "./scaling/scaling-facts";
export { freshMemory, notedNeeds, type ScalingMemory } from "./scaling/scaling-memory";
export { selectVariant } from "./selection";
export { buildSnapshot, drainMsAt, type Snapshot, type SnapshotInput, withInstances } from "./snapshot";
export { type OverBounds, type TenantBounds, TenantLedger } from "./tenant-ledger";
export type {
  Accuracy,
  AffineFit,
  BatchingGround,
  BatchLatency,
  DeviceKind,
  Executor,
  Instance,
  InstanceState,
  Objective,
  Precision,
  Profile,
  Slo,
  Target,
  Variant,
} from "./types";
