import type { FrameServer } from "@infaas/cuda-batcher";

/**
 * The port to whatever computes: the native add-on in production, a model of it in the simulator. Nothing else in this
 * service knows which one it is. Failures are `ServiceError`: RESOURCE_EXHAUSTED (queue full), DEADLINE_EXCEEDED (cannot
 * be done in time, nothing was computed), CANCELLED, UNAVAILABLE (closing), INVALID_ARGUMENT, INTERNAL (engine fault).
 */

/** One tensor of a loaded model. */
export interface EngineTensor {
  readonly name: string;
  /** Open Inference Protocol name, for example `FP32`. */
  readonly datatype: string;
  /** Whole shape; -1 is a free axis. The batch axis of a batchable model is the first. */
  readonly dims: readonly number[];
  /** An output that does not say how many axes it has; `dims` is empty then. */
  readonly anyRank?: true;
}

/**
 * Whether requests may share a batch. `declared`: when the model declares one free first axis for all inputs and outputs.
 * `inputs`: when all inputs have one, whatever is declared of the outputs; opening fails when they do not. `never`: tensors
 * run as they come, one request at a time.
 */
export type Batching = "declared" | "inputs" | "never";

/** One measured point that seeds the latency prediction of a fresh engine. */
export interface LatencyPoint {
  readonly batch: number;
  readonly latencyMs: number;
}

/** What to open and how many cores it may use. */
export interface EngineOptions {
  /** Model file on local disk. */
  readonly path: string;
  /** Batches run at once. */
  readonly concurrency: number;
  /** Cores one batch uses. */
  readonly threads: number;
  /** Rows in one batch, at most. */
  readonly maxBatch: number;
  /** Default `declared`. */
  readonly batching?: Batching;
  /** Longest a request is held in the hope of company; default 0: not at all. */
  readonly queueDelayMaxMs?: number;
  /** Sizes at which a batch is run at once, and beyond the largest of which it does not grow; default: judged by latency. */
  readonly preferredBatches?: readonly number[];
  readonly latency: readonly LatencyPoint[];
  /** Rows that may wait; beyond it a query is refused at once. */
  readonly queueRowsMax: number;
  /** Bytes that may wait; beyond it a query is refused at once. */
  readonly queueBytesMax: number;
}

/** Takes a query back: an AbortSignal, or something cheaper that does the same. */
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
  /** 0 is served first; ageing keeps the others from starving. */
  readonly lane: number;
  /** Time left until the answer is worthless; null when there is no limit. */
  readonly timeoutMs: number | null;
  readonly signal: CancelSignal | null;
}

/** The answer to one query and where its time went. */
export interface EngineAnswer {
  /** Raw little-endian rows, in the order of `Engine.outputs`; valid until `release`. */
  readonly outputs: readonly Uint8Array[];
  /** What came out, which may differ from what the model declares. */
  readonly outputDims: readonly (readonly number[])[];
  /** Rows of the whole batch it was computed in. */
  readonly batchSize: number;
  /** Answers of one batch of one engine share it; absent where the engine does not tell batches apart. */
  readonly batchId?: number;
  readonly queueMs: number;
  readonly gatherMs: number;
  readonly runMs: number;
  readonly scatterMs: number;
  /** Gives lent memory back. Idempotent. */
  release(): void;
}

/** One batch of queries that never passed through JavaScript. */
export interface DirectBatch {
  readonly agoMs: number;
  readonly runMs: number;
  readonly rows: number;
}

/** What such queries did since it was last asked. */
export interface DirectFigures {
  /** Rows answered. */
  readonly servedRows: number;
  /** Queries refused, whatever the reason. */
  readonly refused: number;
  readonly batches: readonly DirectBatch[];
}

/** The way of queries into an engine that does not pass through JavaScript; they wait and run with those of `submit`. */
export interface DirectService {
  /** Lets the native links run a variant's queries on this engine; false when it takes what only JavaScript can decode. */
  serveOn(server: FrameServer, variant: string): boolean;
  /** Queries accepted and not answered. */
  readonly inFlight: number;
  /** Time since the last query; Infinity: there was none. */
  readonly idleMs: number;
  /** Figures since the last call; the caller adds them up. */
  takeFigures(): DirectFigures;
  /** Whether the engine was closed, so that what `takeFigures` gives next is the last. */
  readonly retired: boolean;
}

/** One opened model. Outputs that are no tensors appear as the tensors they are answered as (docs/clients.md). */
export interface Engine {
  readonly inputs: readonly EngineTensor[];
  readonly outputs: readonly EngineTensor[];
  /** Whether requests count rows on the first axis. */
  readonly batchable: boolean;
  /** Why requests do not share batches, as declared, as opened, or as the outputs turned out; null while they do. */
  readonly unbatchedReason: string | null;
  readonly maxBatch: number;
  /** Absent where there is no such way. */
  readonly direct?: DirectService;
  readonly queuedRows: number;
  readonly runningRows: number;
  submit(inputs: readonly Uint8Array[], query: EngineQuery): Promise<EngineAnswer>;
  /** Predicted time until everything queued and running is done. */
  drainTimeMs(): number;
  /** Refuses new queries and resolves when all accepted ones are answered. */
  drain(): Promise<void>;
  /** Frees everything; what is still in flight is refused with UNAVAILABLE. Idempotent. */
  close(): Promise<void>;
}

/** Opens engines. */
export interface EnginePort {
  open(options: EngineOptions): Promise<Engine>;
}
