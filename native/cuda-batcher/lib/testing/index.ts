export type { Feeding, FeedLoad } from "./feed";
export { LoadedModel, measure } from "./loaded-model";
export type { MeasureLoad, Measurement } from "./measure";
export { type Plan, type PlanRules, planBatch, type Queue } from "./plan-batch";
export { type Admission, type Begun, VirtualBatcher } from "./virtual-batcher";
