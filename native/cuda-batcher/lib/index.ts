export { type Batcher, type CancelSignal, openBatcher, type SubmitOptions } from "./batcher";
export type { BatcherStats } from "./batcher-stats";
export { confineProcess } from "./confinement";
export { CoreGate } from "./core-gate";
export { FrameServer, type FrameServerEvents, type FrameServerOptions } from "./frame-server";
export type { KernelPlan, KernelStep, PlanConstants, PlanTensor } from "./kernel-plan";
export {
  type LinkBatch,
  type LinkDatatypes,
  type LinkFigures,
  LinkService,
} from "./link-service";
export type { LinkTrace } from "./link-trace";
export { NativeError, type NativeErrorCode } from "./native-error";
export type { OpenOptions } from "./open-options";
export type { Done } from "./pending";
export { type CudaDevice, type DeviceProbe, type Probe, probe, probeDevice } from "./probe";
export type { Result } from "./result";
export { type JournalRun, readRunJournal } from "./run-journal";
export { type DType, elementBytes, type TensorInfo } from "./tensor-info";
export { trimHeap } from "./trim-heap";
