import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { BatcherStats } from "./batcher-stats";
import type { LinkTrace } from "./link-trace";

/** What the add-on's `submit` answers; the same numbers stand in src/addon/batcher_handle.h. */
export const submitCode = { accepted: 0, full: 1, deadline: 2, closed: 3 } as const;

/** A loaded model, owned by the add-on; freed when it is collected and nothing runs on it. */
export type ModelHandle = { readonly __model: unique symbol };
/** An open batcher, owned by the add-on. */
export type BatcherHandle = { readonly __batcher: unique symbol };

/** A server of links, owned by the add-on. */
export type ServerHandle = { readonly __server: unique symbol };

/** A tensor as the add-on describes it: `dtype` is ONNX's number. */
export interface NativeTensor {
  name: string;
  dtype: number;
  /** Empty where `ranked` is false. */
  dims: (number | string)[];
  ranked: boolean;
  itemBytes: number;
}

/** When requests may share a run; the same numbers stand in src/running/model.h. */
export const batching = { declared: 0, never: 1, inputs: 2 } as const;

/** Options of `load`, all present. */
export interface NativeModelOptions {
  path: string;
  library: string;
  intraOpThreads: number;
  instances: number;
  /** One of `batching`. */
  batching: number;
}

/** What `describe` answers. */
export interface NativeModel {
  inputs: NativeTensor[];
  outputs: NativeTensor[];
  batchable: boolean;
  /** Empty when it is batchable. */
  unbatchedReason: string;
}

/** Options of `open`, all present; absent lists are null. */
export interface NativeBatcherOptions {
  instances: number;
  maxBatch: number;
  maxQueueDelayMs: number;
  queueRowsMax: number;
  queueBytesMax: number;
  lanes: number;
  ageingMs: number;
  latencyMs: Float64Array | null;
  preferredBatchSizes: Int32Array | null;
  closeAtRows: Int32Array | null;
}

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

/** What the add-on's `measure` answers. */
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

/** What the add-on's `feed` answers. */
export interface NativeFed {
  items: number;
  batches: number;
  elapsedMs: number;
  engineMs: number;
}

/** What the add-on's `probe` answers. */
export interface NativeProbe {
  cuda: {
    state: "ok" | "not-built" | "no-driver" | "driver-too-old" | "no-device" | "error";
    detail: string;
    driverVersion: number;
    runtimeVersion: number;
    devices: { index: number; name: string; computeCapability: [number, number]; memoryBytes: number }[];
  };
  engines: { id: string; ok: boolean; version: string; detail: string }[];
  externalBuffers: boolean;
}

/** What the add-on's `planBatch` answers. */
export interface NativePlan {
  take: Int32Array;
  drop: Int32Array;
  rows: number;
  paddedRows: number;
  startAtMs: number;
}

/** The add-on's exports, in the order of src/addon/addon.cc. Calls made per request never throw for valid arguments. */
export interface Native {
  probe(library: string): NativeProbe;
  load(options: NativeModelOptions): Promise<ModelHandle>;
  describe(model: ModelHandle): NativeModel;
  unload(model: ModelHandle): void;
  mailLength(options: NativeBatcherOptions, outputs: number): number;
  /** Takes the model over: its handle is empty afterwards. */
  open(
    model: ModelHandle,
    options: NativeBatcherOptions,
    mail: Float64Array,
    onBatch: (buffers: readonly (ArrayBuffer | undefined)[], error: string | undefined) => boolean,
  ): BatcherHandle;
  submit(
    batcher: BatcherHandle,
    ticket: number,
    rows: number,
    lane: number,
    timeoutMs: number,
    maxBatch: number,
    dims: Float64Array | null,
    inputs: readonly Uint8Array[],
  ): number;
  wake(batcher: BatcherHandle): void;
  release(batcher: BatcherHandle, slab: number): void;
  cancel(batcher: BatcherHandle, ticket: number): boolean;
  queuedRows(batcher: BatcherHandle): number;
  runningRows(batcher: BatcherHandle): number;
  drainTimeMs(batcher: BatcherHandle): number;
  soonestMs(batcher: BatcherHandle, rows: number): number;
  arena(batcher: BatcherHandle): ArrayBuffer | undefined;
  unbatchedReason(batcher: BatcherHandle): string;
  stats(batcher: BatcherHandle): BatcherStats;
  stop(batcher: BatcherHandle): Promise<void>;
  dispose(batcher: BatcherHandle): void;
  measure(model: ModelHandle, options: NativeMeasureOptions): Promise<NativeMeasured>;
  measureOpen(batcher: BatcherHandle, options: NativeMeasureOptions): Promise<NativeMeasured>;
  feed(batcher: BatcherHandle, options: NativeFeedOptions): Promise<NativeFed>;
  planBatch(
    nowMs: number,
    arrivalMs: Float64Array,
    deadlineMs: Float64Array,
    rows: Int32Array,
    lane: Int32Array,
    maxBatch: Int32Array,
    shapeKey: Int32Array,
    latencyMs: Float64Array,
    sizes: Int32Array | null,
    rules: Float64Array,
  ): NativePlan;
  confine(parentPid: number, dataBytesMax: number): void;
  linkOpen(
    host: string,
    port: number,
    inFlightMax: number,
    accepted: readonly string[] | null,
    onEvent: (connection: number, message: Buffer | undefined) => void,
  ): ServerHandle;
  linkPort(server: ServerHandle): number;
  linkServe(
    server: ServerHandle,
    variant: string,
    batcher: BatcherHandle | null,
    inputs: readonly string[],
    outputs: readonly string[],
  ): void;
  linkHost(server: ServerHandle, executorUtilisation: number, memoryFreeBytes: number): void;
  linkSecrets(server: ServerHandle, accepted: readonly string[] | null): void;
  linkStrangers(server: ServerHandle): number;
  linkSend(server: ServerHandle, connection: number, frames: Uint8Array): void;
  linkCut(server: ServerHandle, connection: number): void;
  linkInFlight(server: ServerHandle): number;
  linkDrain(server: ServerHandle): void;
  linkClose(server: ServerHandle, graceMs: number): Promise<void>;
  linkJudge(
    batcher: BatcherHandle,
    request: Uint8Array,
    inputs: readonly string[],
    outputs: readonly string[],
  ): { rows: number; outputs: number[] } | null;
  linkQueries(batcher: BatcherHandle): number;
  /** As `linkQueries`; from then on a delivery of nothing comes whenever none is in flight any more. */
  linkWatch(batcher: BatcherHandle): number;
  linkIdleMs(batcher: BatcherHandle): number;
  /** Of a batch three numbers: ms ago, run ms, rows. */
  linkFigures(batcher: BatcherHandle): {
    servedRows: number;
    refused: number;
    batches: Float64Array;
    traces: LinkTrace[];
    tracesLost: number;
  };
}

// lib/ and dist/ both lie beside build/.
const addonPath = join(__dirname, "..", "build", "Release", "cuda_batcher.node");
let loaded: Native | undefined;

/** The add-on, loaded on first use; throws an Error that says how to build it. */
export function native(): Native {
  if (loaded === undefined) {
    if (!existsSync(addonPath)) {
      throw new Error(
        `the native batcher is not built: run 'npm run build:native -w @infaas/cuda-batcher' (${addonPath} is missing)`,
      );
    }
    loaded = require(addonPath) as Native;
  }
  return loaded;
}

/**
 * Path of the libonnxruntime that the npm package onnxruntime-node carries for this machine, or $CB_ONNXRUNTIME_LIB.
 * Falls back to the bare name, which the system's loader searches.
 */
export function onnxruntimeLibrary(): string {
  const given = process.env.CB_ONNXRUNTIME_LIB;
  if (given !== undefined && given !== "") return given;
  const bin = join(dirname(require.resolve("onnxruntime-node/package.json")), "bin");
  for (const folder of readdirSync(bin).sort().reverse()) {
    const library = join(bin, folder, process.platform, process.arch, "libonnxruntime.so.1");
    if (existsSync(library)) return library;
  }
  return "libonnxruntime.so.1";
}
