import type { ModelHandle, NativeBatcherOptions, NativeModels } from "../native";
import { loadAddon } from "../native";

/** Options of `measure`, all present; absent lists are null. */
export interface NativeMeasureOptions {
  instances: number;
  batch: number;
  durationMs: number;
  iterations: number;
  warmUpMs: number;
  inputs: readonly Uint8Array[] | null;
  dims: Float64Array | null;
}

/** What `measure` answers. */
export interface NativeMeasured {
  latencyMs: Float64Array;
  elapsedMs: number;
}

/** Options of `feed`, all present; absent lists are null. */
export interface NativeFeedOptions {
  inFlight: number;
  durationMs: number;
  warmUpMs: number;
  inputs: readonly Uint8Array[] | null;
  dims: Float64Array | null;
}

/** What `feed` answers. */
export interface NativeFed {
  items: number;
  batches: number;
  elapsedMs: number;
  engineMs: number;
}

/** The waiting requests of `planBatch`, all lists present. */
export interface NativeQueue {
  arrivalMs: Float64Array;
  deadlineMs: Float64Array;
  rows: Int32Array;
  lane: Int32Array;
  maxBatch: Int32Array;
  shapeKey: Int32Array;
}

/** The rules of `planBatch`, all present. */
export interface NativePlanRules {
  latencyMs: Float64Array;
  engines: number;
  maxQueueDelayMs: number;
  arrivalGapMs: number;
  offeredPerMs: number;
  slowdown: number;
  safety: number;
  deliveryMs: number;
  preferredBatchSizes: Int32Array | null;
  hiddenRows: number;
  hiddenDeadlineMs: number;
}

/** What `planBatch` answers. */
export interface NativePlan {
  take: Int32Array;
  drop: Int32Array;
  rows: number;
  paddedRows: number;
  startAtMs: number;
}

declare const virtual: unique symbol;
/** A virtual batcher in native code; freed by the garbage collector. */
export type VirtualHandle = { readonly [virtual]: true };

/** Exports of the add-on of tests and benchmarks, in the order of src/addon/testing_addon.cc. */
export interface NativeTesting extends NativeModels {
  measure(model: ModelHandle, options: NativeMeasureOptions): Promise<NativeMeasured>;
  feed(model: ModelHandle, batcher: NativeBatcherOptions, options: NativeFeedOptions): Promise<NativeFed>;
  /** What links would run of a ModelInferRequest; null when they would leave it to JavaScript. */
  judge(
    model: ModelHandle,
    request: Uint8Array,
    datatypes: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
  ): { rows: number; outputs: number[] } | null;
  planBatch(nowMs: number, queue: NativeQueue, rules: NativePlanRules): NativePlan;
  virtualOpen(options: NativeBatcherOptions): VirtualHandle;
  /** 0 accepted, 1 late, 2 full. */
  virtualSubmit(
    batcher: VirtualHandle,
    id: number,
    nowMs: number,
    rows: number,
    deadlineMs: number,
    lane: number,
  ): number;
  virtualCancel(batcher: VirtualHandle, id: number): boolean;
  /** Members, then those dropped, or undefined for none; `head`: engine, rows, paddedRows, startAtMs, number of members. */
  virtualBegin(batcher: VirtualHandle, nowMs: number, head: Float64Array): readonly number[] | undefined;
  virtualEnded(batcher: VirtualHandle, engine: number, nowMs: number): void;
  virtualLate(batcher: VirtualHandle, nowMs: number): readonly number[] | undefined;
  virtualDrainTimeMs(batcher: VirtualHandle, nowMs: number): number;
  virtualQueuedRows(batcher: VirtualHandle): number;
  virtualRunningRows(batcher: VirtualHandle): number;
}

let loaded: NativeTesting | undefined;

/** The add-on, loaded on first use; throws an Error that says how to build it. */
export function testing(): NativeTesting {
  loaded ??= loadAddon<NativeTesting>("cuda_batcher_testing.node");
  return loaded;
}
