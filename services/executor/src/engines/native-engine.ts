import { readFile } from "node:fs/promises";
import {
  type Batcher,
  type FrameServer,
  type NativeError,
  openBatcher,
  probe,
  type SubmitOptions,
  type TensorInfo,
} from "@infaas/cuda-batcher";
import { decodeModel, planKernels } from "@infaas/onnx";
import { Code, ServiceError } from "@infaas/runtime";
import { type AxisLimit, type NamedAxisLimit, nativeLimits, placedLimits } from "./axis-limits";
import type {
  CoreWaits,
  DirectFigures,
  DirectService,
  Engine,
  EngineAnswer,
  EngineOptions,
  EnginePort,
  EngineQuery,
  EngineTensor,
  LatencyPoint,
  RecheckFigures,
} from "./engine-port";

/** Open Inference Protocol names of the add-on's element types. */
const datatypeOf = {
  float32: "FP32",
  float16: "FP16",
  bfloat16: "BF16",
  float64: "FP64",
  int8: "INT8",
  uint8: "UINT8",
  int16: "INT16",
  uint16: "UINT16",
  int32: "INT32",
  uint32: "UINT32",
  int64: "INT64",
  uint64: "UINT64",
  bool: "BOOL",
  string: "BYTES",
} as const satisfies Record<TensorInfo["dtype"], string>;

/** Canonical codes of the add-on's refusals. */
const codeOf = {
  FULL: Code.RESOURCE_EXHAUSTED,
  DEADLINE: Code.DEADLINE_EXCEEDED,
  CANCELLED: Code.CANCELLED,
  CLOSED: Code.UNAVAILABLE,
  INVALID: Code.INVALID_ARGUMENT,
  ENGINE: Code.INTERNAL,
} as const satisfies Record<NativeError["code"], Code>;

/** Lane of the lowest priority; a higher number is served as this one. */
const LANE_MAX = 2;

/** Engines of the native add-on, which forms and runs batches outside JavaScript. */
export const nativeEngines: EnginePort = {
  async open(options: EngineOptions): Promise<Engine> {
    try {
      const batcher = await openBatcher({
        path: options.path,
        instances: options.concurrency,
        intraOpThreads: options.threads,
        maxBatch: options.maxBatch,
        batching: options.batching ?? "declared",
        queueRowsMax: options.queueRowsMax,
        queueBytesMax: options.queueBytesMax,
        maxQueueDelayMs: options.queueDelayMaxMs ?? 0,
        cpuTimes: options.cpuTimes ?? false,
        ...(await kernelsOf(options)),
        ...(options.recheck === undefined ? {} : { recheck: options.recheck }),
        ...(options.cores === undefined
          ? {}
          : { cores: { ...options.cores, weight: options.coreWeight ?? 1 } }),
        ...(options.journal === undefined ? {} : { journal: options.journal }),
        ...(options.preferredBatches === undefined ? {} : { closeAtRows: options.preferredBatches }),
        ...(options.latency.length === 0 ? {} : { latencyMs: options.latency.map(point) }),
      });
      return new NativeEngine(batcher, options.axisLimits ?? []);
    } catch (fault) {
      throw serviceError(fault);
    }
  },
};

/** What the kernel module computes of the file; nothing for an engine on the CPU. */
async function kernelsOf({ path, onDevice, device }: EngineOptions) {
  if (onDevice !== true || device === undefined) return {};
  const planning = planKernels(decodeModel(await readFile(path)));
  if (planning.possible) return { kernels: { device, plan: planning.network } };
  throw new ServiceError(
    Code.FAILED_PRECONDITION,
    `the kernel module does not run this file: ${planning.reason}`,
  );
}

/** Returns the library that runs the models and its version, for example `onnxruntime 1.30.0`. */
export function nativeEngineVersion(): string {
  const engine = probe().engines.find(({ id }) => id === "onnxruntime");
  if (engine === undefined || !engine.ok) {
    throw new ServiceError(
      Code.FAILED_PRECONDITION,
      `onnxruntime cannot be loaded: ${engine?.detail ?? "not built"}`,
    );
  }
  return `onnxruntime ${engine.version}`;
}

/** Queries of native links to one model. A model with strings is served by JavaScript, which encodes them. */
class NativeDirect implements DirectService {
  constructor(
    private readonly batcher: Batcher,
    private readonly datatypes: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
    private readonly axisLimits: Float64Array,
  ) {}

  serveOn(server: FrameServer, variant: string): boolean {
    const { inputs, outputs } = this.datatypes;
    if ([...inputs, ...outputs].includes(datatypeOf.string)) return false;
    this.batcher.links.serveOn(server, variant, { ...this.datatypes, axisLimits: this.axisLimits });
    return true;
  }

  get inFlight(): number {
    return this.batcher.links.inFlight;
  }

  get idleMs(): number {
    return this.batcher.links.idleMs;
  }

  takeFigures(): DirectFigures {
    return this.batcher.links.takeFigures();
  }

  get retired(): boolean {
    return this.batcher.links.retired;
  }
}

/** One model in the add-on. Inputs are read in place, so their bytes must not change until the answer. */
class NativeEngine implements Engine {
  readonly inputs: readonly EngineTensor[];
  readonly optionalInputs: readonly EngineTensor[];
  readonly outputs: readonly EngineTensor[];
  readonly axisLimits: readonly AxisLimit[];
  readonly direct: DirectService;

  constructor(
    private readonly batcher: Batcher,
    axisLimits: readonly NamedAxisLimit[],
  ) {
    this.inputs = batcher.inputs.map(engineTensor);
    this.optionalInputs = batcher.optionalInputs.map(engineTensor);
    this.outputs = batcher.outputs.map(engineTensor);
    const datatypes = {
      inputs: this.inputs.map(({ datatype }) => datatype),
      outputs: this.outputs.map(({ datatype }) => datatype),
    };
    this.axisLimits = placedLimits(axisLimits, this.inputs);
    const shapes = this.inputs.map(({ dims }) => dims);
    this.direct = new NativeDirect(batcher, datatypes, nativeLimits(this.axisLimits, shapes));
  }

  get batchable(): boolean {
    return this.batcher.batchable;
  }

  get unbatchedReason(): string | null {
    return this.batcher.unbatchedReason ?? null;
  }

  get maxBatch(): number {
    return this.batcher.maxBatch;
  }

  get queuedRows(): number {
    return this.batcher.queuedRows;
  }

  get runningRows(): number {
    return this.batcher.runningRows;
  }

  get rechecks(): RecheckFigures {
    const { rechecked, recheckDiffered } = this.batcher.stats();
    return { checked: rechecked, differed: recheckDiffered };
  }

  get coreWaits(): CoreWaits {
    const { coreWaits, coreWaitNs } = this.batcher.stats();
    return { count: coreWaits, waitedMs: coreWaitNs / 1e6 };
  }

  setCoreWeight(weight: number): void {
    this.batcher.setWeight(weight);
  }

  submit(inputs: readonly Uint8Array[], query: EngineQuery): Promise<EngineAnswer> {
    const { rows, dims, optional, timeoutMs, signal, alone } = query;
    const lane = Math.min(query.lane, LANE_MAX);
    const request: { -readonly [K in keyof SubmitOptions]: SubmitOptions[K] } = { rows, dims, lane };
    if (optional !== undefined) request.optional = optional;
    if (alone === true) request.alone = true;
    if (timeoutMs !== null) request.timeoutMs = timeoutMs;
    if (signal !== null) request.signal = signal;
    return new Promise<EngineAnswer>((resolve, reject) => {
      const refused = this.batcher.submitWith(inputs, request, (fault, result) => {
        if (result === null) reject(serviceError(fault));
        else resolve(result);
      });
      if (refused !== undefined) reject(serviceError(refused));
    });
  }

  get unresponsiveMs(): number {
    return this.batcher.unresponsiveMs();
  }

  trim(): Promise<void> {
    return this.batcher.trim();
  }

  drainTimeMs(): number {
    return this.batcher.drainTimeMs();
  }

  drain(): Promise<void> {
    return this.batcher.drain();
  }

  close(): Promise<void> {
    return this.batcher.close();
  }
}

function point({ batch, latencyMs }: LatencyPoint): readonly [number, number] {
  return [batch, latencyMs];
}

function engineTensor({ name, dtype, dims }: TensorInfo): EngineTensor {
  const datatype = datatypeOf[dtype];
  if (dims === null) return { name, datatype, dims: [], anyRank: true };
  return { name, datatype, dims: dims.map((dim) => (typeof dim === "string" ? -1 : dim)) };
}

function serviceError(fault: unknown): ServiceError {
  if (!isNativeError(fault)) return ServiceError.from(fault);
  return new ServiceError(codeOf[fault.code], fault.message, { cause: fault });
}

function isNativeError(fault: unknown): fault is NativeError {
  return fault instanceof Error && fault.name === "NativeError" && "code" in fault;
}
