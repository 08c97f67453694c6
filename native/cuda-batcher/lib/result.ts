/** One request's answer. */
export interface Result {
  /** Bytes of each output, little-endian, row-major. Views that are valid until `release()` when they were lent. */
  readonly outputs: readonly Uint8Array[];
  /** Dims of each output; the first is the request's rows when the model is batchable. */
  readonly outputDims: readonly (readonly number[])[];
  /** Rows of the batch it was part of. */
  readonly batchSize: number;
  /** Number of that batch, counted from 1 since the batcher was opened. */
  readonly batchId: number;
  /** From submit until its batch was taken. */
  readonly queueMs: number;
  /** Copying the batch's rows together. */
  readonly gatherMs: number;
  /** The engine's run. */
  readonly runMs: number;
  /** From the end of the run until the answer was in JavaScript. */
  readonly scatterMs: number;
  /** CPU time of the engine thread in the run; -1 unless the batcher was opened with `cpuTimes`. */
  readonly runCpuMs: number;
  /** Gives lent outputs back: required once, as soon as they have been read; later calls do nothing. */
  release(): void;
}

/** Slab of one batch whose rows were lent out. */
export interface Lease {
  readonly slab: number;
  left: number;
}

/** Times of a batch that all its members share. */
export interface BatchTimes {
  readonly batchSize: number;
  readonly batchId: number;
  readonly gatherMs: number;
  readonly runMs: number;
  readonly scatterMs: number;
  readonly runCpuMs: number;
}

/** A Result whose outputs may be views into a leased slab. */
export class BatchResult implements Result {
  readonly batchSize: number;
  readonly batchId: number;
  readonly gatherMs: number;
  readonly runMs: number;
  readonly scatterMs: number;
  readonly runCpuMs: number;
  private lease: Lease | undefined;
  private readonly onReleased: (lease: Lease) => void;

  constructor(
    readonly outputs: readonly Uint8Array[],
    readonly outputDims: readonly (readonly number[])[],
    readonly queueMs: number,
    times: BatchTimes,
    lease: Lease | undefined,
    onReleased: (lease: Lease) => void,
  ) {
    this.batchSize = times.batchSize;
    this.batchId = times.batchId;
    this.gatherMs = times.gatherMs;
    this.runMs = times.runMs;
    this.scatterMs = times.scatterMs;
    this.runCpuMs = times.runCpuMs;
    this.lease = lease;
    this.onReleased = onReleased;
  }

  release(): void {
    const lease = this.lease;
    if (lease === undefined) return;
    this.lease = undefined;
    this.onReleased(lease);
  }
}
