import type { Adapter } from "@infaas/api";
import type { FrameServer } from "@infaas/cuda-batcher";
import type { AxisLimit, NamedAxisLimit } from "./axis-limits";

/**
 * The port to inference engines. `native-engine.ts` implements it with the add-on; tests have one in memory.
 * Failures are `ServiceError`: RESOURCE_EXHAUSTED (queue full), DEADLINE_EXCEEDED (cannot be done in time,
 * nothing was computed), CANCELLED, UNAVAILABLE (closing), INVALID_ARGUMENT (also what an operator refuses), INTERNAL (engine fault).
 */

/** One tensor of a loaded model. */
export interface EngineTensor {
  readonly name: string;
  /** Open Inference Protocol name, for example `FP32`. */
  readonly datatype: string;
  /** Whole shape; -1 is a free axis. The batch axis of a batchable model is the first. */
  readonly dims: readonly number[];
  /** It does not say how many axes it has; `dims` is empty then. */
  readonly anyRank?: true;
}

/**
 * Whether requests may share a batch. `declared`: when the model declares one free first axis for all inputs
 * and outputs. `inputs`: when all inputs have one, whatever is declared of the outputs; opening fails when
 * they do not. `never`: tensors run as they come, one request at a time.
 */
export type Batching = "declared" | "inputs" | "never";

/** One measured point of a latency profile; a new engine predicts from these until it has measured. */
export interface LatencyPoint {
  readonly batch: number;
  readonly latencyMs: number;
}

/** One tensor that carries the padded axis. */
export interface PaddedTensor {
  readonly name: string;
  /** Which of its axes that is; 0 is the first. */
  readonly axis: number;
}

/** How requests of different length are padded to one shape; stated by the owner of the model. */
export interface Padding {
  /** Sizes that the axis is padded to, rising. A request longer than the last is run as it is. */
  readonly sizes: readonly number[];
  /** Inputs that are padded together, each with what an element of padding is. */
  readonly inputs: readonly (PaddedTensor & { readonly value: number })[];
  /** Outputs that carry the axis and are cut back to the request's length. */
  readonly outputs: readonly PaddedTensor[];
}

/** The variant an engine is opened for. */
export interface EngineOwner {
  readonly variant: string;
  /** Name and version of its architecture. */
  readonly architecture: string;
}

/** How an engine's batches get cores of the host (decision 0043). */
export interface CoreShare {
  /** Path of the host's core gate. */
  readonly gate: string;
  /** Its batches leave the cores to others, but for a tenth of the time; default false. */
  readonly idleWork?: boolean;
}

export interface EngineOptions {
  /** Decides which process runs the engine, where engines run in processes of their own. */
  readonly owner?: EngineOwner;
  /** How requests are padded; default: they are not. */
  readonly padding?: Padding;
  /** What makes its tensors of pictures or texts, for whoever serves its queries; default: it takes tensors alone. */
  readonly adapter?: Adapter;
  /** How large free axes of requests may be; default: as large as messages let them be. */
  readonly axisLimits?: readonly NamedAxisLimit[];
  /** Model file on local disk. */
  readonly path: string;
  /** It runs on the device of its executor, by the kernel module; default: on the CPU, by ONNX Runtime. */
  readonly onDevice?: boolean;
  /** That device: `host`, or `cuda:` and a number; `deviceEngines` says it. */
  readonly device?: string;
  /** Batches run at once. */
  readonly concurrency: number;
  /** Cores one batch uses. */
  readonly threads: number;
  /** Rows in one batch, at most. */
  readonly maxBatch: number;
  /** Default `declared`. */
  readonly batching?: Batching;
  /** Longest wait of a request for others to share its batch; default 0. */
  readonly queueDelayMaxMs?: number;
  /**
   * Rows at which a batch is closed at once; the largest is the largest batch. Default: judged by latency.
   */
  readonly preferredBatches?: readonly number[];
  readonly latency: readonly LatencyPoint[];
  /** Called once the process that runs the engine is up; never where that is this one. */
  readonly onProcess?: () => void;
  /** Rows that may wait; beyond it a query is refused at once. */
  readonly queueRowsMax: number;
  /** Bytes that may wait; beyond it a query is refused at once. */
  readonly queueBytesMax: number;
  /**
   * Has queries that shared a batch run again alone, now and then and when nothing else is to be done; rows share no batch any
   * more when an answer is another one then (decision 0035). Default: none is run again.
   */
  readonly recheck?: {
    /** Largest difference, relative to the largest magnitude of an output where that is above 1. */
    readonly tolerance: number;
    /** Rows keep apart by proof: one difference among a hundred is let pass. */
    readonly proven: boolean;
  };
  /** Whose cores its batches take, `threads` each, before they run; default: they run at once. */
  readonly cores?: CoreShare;
  /** Share of those cores in times of others', where batches want more than there are; 0.01 to 100, default 1. */
  readonly coreWeight?: number;
  /** Whether answers say how much CPU time the engine thread took for their run; default false. */
  readonly cpuTimes?: boolean;
  /** File where runs are written down while they are under way, and the slot of the first of them; default: nowhere. */
  readonly journal?: { readonly path: string; readonly firstSlot: number };
}

/** The part of AbortSignal that cancels a query. */
export interface CancelSignal {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void, options?: { once: boolean }): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** How one query is to be run. */
export interface EngineQuery {
  /** Rows on the batch axis; 1 for a model that is not batchable. */
  readonly rows: number;
  /** Whole shape of each input, in the order of `Engine.inputs`. */
  readonly dims: readonly (readonly number[])[];
  /**
   * Which of `Engine.optionalInputs` stand behind the model's own, in the inputs and in `dims`; absent: none. A query
   * that has any shares a batch with none.
   */
  readonly optional?: readonly number[];
  /** 0 is served first; ageing keeps the others from starving. */
  readonly lane: number;
  /** It shares no batch, is not padded, and runs the same way each time. Default false. */
  readonly alone?: boolean;
  /** Time until the deadline; null when there is none. */
  readonly timeoutMs: number | null;
  readonly signal: CancelSignal | null;
}

/** Times of the stages of an answered query. */
export interface StageTimes {
  /** Rows of the whole batch it was computed in. */
  readonly batchSize: number;
  /** Number of the batch within its engine; absent where the engine has none. */
  readonly batchId?: number;
  readonly queueMs: number;
  readonly gatherMs: number;
  readonly runMs: number;
  readonly scatterMs: number;
  /** CPU time of the engine thread in the run; absent or below 0 where it is not measured. */
  readonly runCpuMs?: number;
}

/** The answer to one query. */
export interface EngineAnswer extends StageTimes {
  /** Raw little-endian rows, in the order of `Engine.outputs`; valid until `release`. */
  readonly outputs: readonly Uint8Array[];
  /** Shapes as computed, which may differ from those declared. */
  readonly outputDims: readonly (readonly number[])[];
  /** Returns the memory of `outputs` to the engine. Idempotent. */
  release(): void;
}

/** One batch of queries that never passed through JavaScript. */
export interface DirectBatch {
  readonly agoMs: number;
  readonly runMs: number;
  readonly rows: number;
}

/** One such query that was sampled and answered. */
export interface DirectTrace extends StageTimes {
  /** The caller's span. */
  readonly traceId: string;
  readonly spanId: string;
  /** How long ago it was answered. */
  readonly agoMs: number;
  readonly rows: number;
  /** From its arrival to its answer. */
  readonly executorMs: number;
}

/** Figures of queries that did not pass through JavaScript, since they were last taken. */
export interface DirectFigures {
  /** Rows answered. */
  readonly servedRows: number;
  /** Queries refused, whatever the reason. */
  readonly refused: number;
  readonly batches: readonly DirectBatch[];
  /** Those of one batch stand together. */
  readonly traces: readonly DirectTrace[];
  /** Sampled queries that were too many to be kept. */
  readonly tracesLost: number;
}

/**
 * Queries that enter an engine without passing through JavaScript; they share queue and batches with those of
 * `submit`.
 */
export interface DirectService {
  /**
   * Lets the native links run a variant's queries on this engine; false when only JavaScript can decode its
   * tensors.
   */
  serveOn(server: FrameServer, variant: string): boolean;
  /** Queries accepted and not answered. */
  readonly inFlight: number;
  /** Time since the last query; Infinity: there was none. */
  readonly idleMs: number;
  /** Figures since the last call; the caller adds them up. */
  takeFigures(): DirectFigures;
  /** Whether the engine was closed; the next `takeFigures` is then the last. */
  readonly retired: boolean;
}

/** Queries that shared a batch and were run again alone since the engine was opened. */
export interface RecheckFigures {
  readonly checked: number;
  /** Those of them that were answered otherwise then. */
  readonly differed: number;
}

export const NO_RECHECKS: RecheckFigures = { checked: 0, differed: 0 };

/** Batches that waited for cores of the host since the engine was opened. */
export interface CoreWaits {
  readonly count: number;
  readonly waitedMs: number;
}

export const NO_CORE_WAITS: CoreWaits = { count: 0, waitedMs: 0 };

/** Why an engine is gone without having been closed. */
export interface EngineLoss {
  readonly reason: string;
  /** Whether it was running a batch when its process ended, and so may be the cause. */
  readonly suspect: boolean;
}

/**
 * One opened model. Outputs that are no tensors appear as the tensors they are answered as (docs/clients.md).
 */
export interface Engine {
  readonly inputs: readonly EngineTensor[];
  /** Inputs with a default in the file, which counts where they are left out. */
  readonly optionalInputs: readonly EngineTensor[];
  readonly outputs: readonly EngineTensor[];
  /** Whether requests count rows on the first axis. */
  readonly batchable: boolean;
  /**
   * Why requests do not share batches, as declared, as opened, or as the outputs turned out; null while they
   * do.
   */
  readonly unbatchedReason: string | null;
  readonly maxBatch: number;
  /** Limits of free axes, checked before a query is submitted; absent: there are none. */
  readonly axisLimits?: readonly AxisLimit[];
  /** Absent where nothing is run again. */
  readonly rechecks?: RecheckFigures;
  /** Absent where batches take no cores from a gate. */
  readonly coreWaits?: CoreWaits;
  /** Absent where every query passes through JavaScript. */
  readonly direct?: DirectService;
  readonly queuedRows: number;
  readonly runningRows: number;
  submit(inputs: readonly Uint8Array[], query: EngineQuery): Promise<EngineAnswer>;
  /**
   * How long a run that was asked to end has gone on, milliseconds; 0: there is none. Absent where runs are not
   * asked to.
   */
  readonly unresponsiveMs?: number;
  /**
   * Gives back what past runs left in the memory that the engine keeps for later ones; runs may go on
   * meanwhile. Absent where none is kept.
   */
  trim?(): Promise<void>;
  /** Sets `EngineOptions.coreWeight`; absent where batches take none from a gate. */
  setCoreWeight?(weight: number): void;
  /** Predicted time until everything queued and running is done, others' work on the same cores included. */
  drainTimeMs(): number;
  /** Refuses new queries and resolves when all accepted ones are answered. */
  drain(): Promise<void>;
  /** Frees everything; what is still in flight is refused with UNAVAILABLE. Idempotent. */
  close(): Promise<void>;
  /** Calls `listener` once if the engine is lost; absent where it lives and dies with this process. */
  onLost?(listener: (loss: EngineLoss) => void): void;
  /** Name of the engine process that runs it; absent: this process. */
  readonly process?: string;
}

export interface EnginePort {
  open(options: EngineOptions): Promise<Engine>;
}
