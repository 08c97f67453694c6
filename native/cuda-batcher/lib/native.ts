import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { BatcherStats } from "./batcher-stats";
import type { LinkTrace } from "./link-trace";

/** A loaded model, owned by the add-on; freed when it is collected and nothing runs on it. */
export type ModelHandle = { readonly __model: unique symbol };
/** An open batcher, owned by the add-on. */
export type BatcherHandle = { readonly __batcher: unique symbol };

/** A core gate, owned by the add-on. */
export type CoreGateHandle = { readonly __coreGate: unique symbol };

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

/** Options of `load`, all present. */
export interface NativeModelOptions {
  path: string;
  library: string;
  intraOpThreads: number;
  instances: number;
  batching: "declared" | "never" | "inputs";
  /** What the kernel module computes, and where; null: the file runs in ONNX Runtime. */
  kernels: ({ device: string } & NativeKernelPlan) | null;
}

/** A plan of the kernel module; `steps` as `kernelStepLayout` says. */
export interface NativeKernelPlan {
  input: { name: string; batchAxis: string; rowDims: Float64Array };
  output: { name: string; batchAxis: string; rowDims: Float64Array };
  steps: Int32Array;
  constants: Float32Array;
}

/** What `describe` answers. */
export interface NativeModel {
  inputs: NativeTensor[];
  outputs: NativeTensor[];
  /** Inputs with a default in the file. */
  optionals: NativeTensor[];
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
  /** Below 0: nothing is run again. */
  recheckTolerance: number;
  proven: boolean;
  cpuTimes: boolean;
  preferredBatchSizes: Int32Array | null;
  closeAtRows: Int32Array | null;
  /** Empty: none is kept. */
  journalPath: string;
  journalSlot: number;
  /** Path of the core gate; empty: batches run whenever an engine thread is idle. */
  coreGate: string;
  coreWeight: number;
  coreIdleWork: boolean;
  /** Cores of one batch. */
  threads: number;
}

/** What the add-on's `probe` answers. */
export interface NativeProbe {
  cuda: {
    state: "ok" | "not-built" | "no-driver" | "no-device" | "error";
    detail: string;
    driverVersion: number;
    /** What the kernels were compiled for; empty: there are none. */
    kernels: string;
    devices: { index: number; name: string; computeCapability: [number, number]; memoryBytes: number }[];
  };
  engines: { id: string; ok: boolean; version: string; detail: string }[];
  externalBuffers: boolean;
}

/** Exports about a loaded model, in the order of src/addon/model_calls.cc. */
export interface NativeModels {
  load(options: NativeModelOptions): Promise<ModelHandle>;
  describe(model: ModelHandle): NativeModel;
  /** Its handle is empty afterwards. */
  unload(model: ModelHandle): void;
}

/** The add-on's exports, in the order of src/addon/addon.cc. Calls made per request never throw for valid arguments. */
export interface Native extends NativeModels {
  probe(library: string): NativeProbe;
  /** Opens a device and lets go of it. */
  openDevice(name: string): { version: string; description: string } | { fault: string };
  /** One run over zeros, which is no measure of the next; what it fails with is not told. */
  warmUp(model: ModelHandle): Promise<void>;
  /** Length that `numbers` of `open` must have. */
  deliveryNumbersMax(options: NativeBatcherOptions, outputs: number): number;
  /** Takes the model over: its handle is empty afterwards. */
  open(
    model: ModelHandle,
    options: NativeBatcherOptions,
    numbers: Float64Array,
    onBatch: (buffers: readonly (ArrayBuffer | undefined)[], error: string | undefined) => boolean,
  ): BatcherHandle;
  /**
   * One of `submitCode`. A `maxBatch` below `rows`: it shares no batch. Ten arguments, because this is called for every
   * request: see rule 3 of docs/native-boundary.md.
   */
  submit(
    batcher: BatcherHandle,
    ticket: number,
    rows: number,
    lane: number,
    timeoutMs: number,
    maxBatch: number,
    dims: Float64Array | null,
    inputs: readonly Uint8Array[],
    /** How many axes each of `inputs` has, where the model does not say it: the request then runs by itself. */
    ranks: Int32Array | null,
    /** Which optional inputs stand behind the model's own; only with `ranks`. */
    optionals: Int32Array | null,
  ): number;
  wake(batcher: BatcherHandle): void;
  release(batcher: BatcherHandle, slab: number): void;
  cancel(batcher: BatcherHandle, ticket: number): boolean;
  queuedRows(batcher: BatcherHandle): number;
  runningRows(batcher: BatcherHandle): number;
  drainTimeMs(batcher: BatcherHandle): number;
  unresponsiveMs(batcher: BatcherHandle): number;
  soonestMs(batcher: BatcherHandle, rows: number): number;
  arena(batcher: BatcherHandle): ArrayBuffer | undefined;
  unbatchedReason(batcher: BatcherHandle): string;
  stats(batcher: BatcherHandle): BatcherStats;
  /** The engine gives back what runs left in the memory that it keeps. */
  trim(batcher: BatcherHandle): Promise<void>;
  stop(batcher: BatcherHandle): Promise<void>;
  dispose(batcher: BatcherHandle): void;
  confine(parentPid: number, dataBytesMax: number): void;
  trimHeap(): Promise<void>;
  coreGateMake(cores: number): CoreGateHandle;
  coreGatePath(gate: CoreGateHandle): string;
  coreGateInUse(gate: CoreGateHandle): number;
  coreGateForget(gate: CoreGateHandle, pid: number): Promise<boolean>;
  setWeight(batcher: BatcherHandle, weight: number): void;
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
    axisLimits: Float64Array | null,
  ): void;
  linkHost(server: ServerHandle, executorUtilisation: number, memoryFreeBytes: number): void;
  linkSecrets(server: ServerHandle, accepted: readonly string[] | null): void;
  linkUnauthenticated(server: ServerHandle): number;
  linkSend(server: ServerHandle, connection: number, frames: Uint8Array): void;
  linkCut(server: ServerHandle, connection: number): void;
  linkInFlight(server: ServerHandle): number;
  linkDrain(server: ServerHandle): void;
  linkClose(server: ServerHandle, graceMs: number): Promise<void>;
  linkQueries(batcher: BatcherHandle): number;
  /** As `linkQueries`; from then on a delivery of nothing comes whenever none is in flight any more. */
  linkWatch(batcher: BatcherHandle): number;
  linkIdleMs(batcher: BatcherHandle): number;
  /** `batches` as `linkBatchLayout` says. */
  linkFigures(batcher: BatcherHandle): {
    servedRows: number;
    refused: number;
    batches: Float64Array;
    traces: LinkTrace[];
    tracesLost: number;
  };
}

// lib/ and dist/ both lie beside build/, or, in an installed package, beside prebuilds/.
const prebuilds = join(__dirname, "..", "prebuilds", `${process.platform}-${process.arch}`);
const folders = [join(__dirname, "..", "build", "Release"), prebuilds];
let loaded: Native | undefined;

/** The add-on that serves, loaded on first use; throws an Error that says how to build it. */
export function native(): Native {
  loaded ??= loadAddon<Native>("cuda_batcher.node");
  return loaded;
}

/** Loads an add-on by its file; throws an Error that says how to build it. */
export function loadAddon<Exports>(file: string): Exports {
  const paths = folders.map((folder) => join(folder, file));
  const path = paths.find((each) => existsSync(each));
  if (path !== undefined) return require(path) as Exports;
  throw new Error(
    `the native batcher is not built: run 'npm run build:native -w @infaas/cuda-batcher' in a checkout (none of ${paths.join(", ")} is there)`,
  );
}

/**
 * Path of $CB_ONNXRUNTIME_LIB, else of the libonnxruntime beside a prebuilt add-on, else of the one that the npm package
 * onnxruntime-node carries for this machine. Falls back to the bare name, which the system's loader searches.
 */
export function onnxruntimeLibrary(): string {
  const given = process.env.CB_ONNXRUNTIME_LIB;
  if (given !== undefined && given !== "") return given;
  const prebuilt = join(prebuilds, LIBRARY);
  if (existsSync(prebuilt)) return prebuilt;
  const bin = join(dirname(require.resolve("onnxruntime-node/package.json")), "bin");
  for (const folder of readdirSync(bin).sort().reverse()) {
    const library = join(bin, folder, process.platform, process.arch, LIBRARY);
    if (existsSync(library)) return library;
  }
  return LIBRARY;
}

const LIBRARY = "libonnxruntime.so.1";
