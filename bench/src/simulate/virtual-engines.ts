import { type Begun, VirtualBatcher } from "@infaas/cuda-batcher/testing";
import type { Engine, EngineAnswer, EngineOptions, EnginePort, EngineQuery } from "@infaas/executor";
import { type Clock, Code, ServiceError, sleep, type Timer } from "@infaas/runtime";

/** How long things take on a host of the simulation. */
export interface ServiceTimes {
  /** From the file to an engine that answers, ms. */
  loadMs(variant: string): number;
  /** One batch of so many rows, ms. */
  batchMs(variant: string, rows: number): number;
}

const TENSOR = { name: "x", datatype: "FP32", dims: [-1] };
const US_PER_MS = 1_000;
/** A batch that is waited for is looked at again no sooner than the clock counts. */
const TICK_MS = 0.001;

/** Engines of one host that take the time that they are told, behind the batcher that serves. */
export class VirtualEngines implements EnginePort {
  /** CPU time of all batches so far, microseconds. */
  cpuUs = 0;

  constructor(
    private readonly clock: Clock,
    private readonly times: ServiceTimes,
  ) {}

  async open(options: EngineOptions): Promise<Engine> {
    const variant = options.owner?.variant ?? options.path;
    await sleep(this.clock, this.times.loadMs(variant));
    return new VirtualEngine(options, this.clock, (rows) => {
      const runMs = this.times.batchMs(variant, rows);
      this.cpuUs += runMs * options.threads * US_PER_MS;
      return runMs;
    });
  }
}

interface Waiting {
  readonly arrivedMs: number;
  readonly rows: number;
  readonly resolve: (answer: EngineAnswer) => void;
  readonly reject: (fault: ServiceError) => void;
}

/** One opened variant. */
class VirtualEngine implements Engine {
  readonly inputs = [TENSOR];
  readonly optionalInputs = [];
  readonly outputs = [TENSOR];
  readonly batchable = true;
  readonly unbatchedReason = null;
  readonly maxBatch: number;
  private readonly batcher: VirtualBatcher;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 0;
  private batches = 0;
  private timer: Timer | null = null;
  private closed = false;
  private emptied: (() => void) | null = null;
  private running = 0;

  constructor(
    options: EngineOptions,
    private readonly clock: Clock,
    private readonly runMs: (rows: number) => number,
  ) {
    const { concurrency, maxBatch, queueRowsMax, queueBytesMax, latency, preferredBatches } = options;
    this.maxBatch = maxBatch;
    this.batcher = new VirtualBatcher({
      instances: concurrency,
      maxBatch,
      queueRowsMax,
      queueBytesMax,
      maxQueueDelayMs: options.queueDelayMaxMs ?? 0,
      ...(preferredBatches === undefined ? {} : { closeAtRows: preferredBatches }),
      ...(latency.length === 0
        ? {}
        : { latencyMs: latency.map(({ batch, latencyMs }) => [batch, latencyMs] as const) }),
    });
  }

  get queuedRows(): number {
    return this.batcher.load(this.clock.nowMs()).queuedRows;
  }

  get runningRows(): number {
    return this.batcher.load(this.clock.nowMs()).runningRows;
  }

  drainTimeMs(): number {
    return this.batcher.load(this.clock.nowMs()).drainTimeMs;
  }

  submit(_inputs: readonly Uint8Array[], query: EngineQuery): Promise<EngineAnswer> {
    const { rows, lane, timeoutMs, signal } = query;
    if (rows > this.maxBatch || query.alone === true)
      return refused(Code.UNIMPLEMENTED, `${rows} rows in a batch of their own are not simulated`);
    if (this.closed) return refused(Code.UNAVAILABLE, "the engine is closed");
    const nowMs = this.clock.nowMs();
    const id = this.nextId++;
    const deadlineMs = timeoutMs === null ? Number.POSITIVE_INFINITY : nowMs + timeoutMs;
    const admission = this.batcher.submit(id, nowMs, rows, deadlineMs, lane);
    if (admission === "late") return refused(Code.DEADLINE_EXCEEDED, "it cannot be answered in time");
    if (admission === "full") return refused(Code.RESOURCE_EXHAUSTED, "the queue is full");
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { arrivedMs: nowMs, rows, resolve, reject });
      signal?.addEventListener("abort", () => this.cancel(id), { once: true });
      this.drop(this.batcher.late(nowMs));
      this.look();
    });
  }

  async drain(): Promise<void> {
    this.closed = true;
    if (this.waiting.size + this.running === 0) return;
    await new Promise<void>((resolve) => {
      this.emptied = resolve;
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    for (const { reject } of this.waiting.values())
      reject(new ServiceError(Code.UNAVAILABLE, "the engine is closed"));
    this.waiting.clear();
  }

  private look(): void {
    this.timer?.cancel();
    this.timer = null;
    for (;;) {
      const nowMs = this.clock.nowMs();
      const begun = this.batcher.begin(nowMs);
      this.drop(begun.dropped);
      if (begun.engine >= 0) this.run(begun, nowMs);
      else {
        const { startAtMs } = begun;
        if (Number.isFinite(startAtMs))
          this.timer = this.clock.setTimer(Math.max(TICK_MS, startAtMs - nowMs), () => this.look());
        return;
      }
    }
  }

  private run({ engine, members, rows, paddedRows }: Begun, nowMs: number): void {
    const batchId = this.batches++;
    const taken = [...members].flatMap((id) => {
      const one = this.waiting.get(id);
      this.waiting.delete(id);
      return one === undefined ? [] : [one];
    });
    const runMs = this.runMs(paddedRows);
    this.running++;
    this.clock.setTimer(runMs, () => {
      this.running--;
      this.batcher.ended(engine, this.clock.nowMs());
      for (const { arrivedMs, resolve } of taken) {
        const queueMs = nowMs - arrivedMs;
        const times = { queueMs, gatherMs: 0, runMs, scatterMs: 0, batchSize: rows, batchId };
        resolve({ ...times, outputs: [], outputDims: [], release: () => undefined });
      }
      this.look();
      if (this.waiting.size + this.running === 0) this.emptied?.();
    });
  }

  private drop(ids: Uint32Array): void {
    for (const id of ids) {
      this.waiting.get(id)?.reject(new ServiceError(Code.DEADLINE_EXCEEDED, "it is late"));
      this.waiting.delete(id);
    }
  }

  private cancel(id: number): void {
    if (!this.batcher.cancel(id)) return;
    this.waiting.get(id)?.reject(new ServiceError(Code.CANCELLED, "cancelled"));
    this.waiting.delete(id);
  }
}

function refused(code: Code, message: string): Promise<never> {
  return Promise.reject(new ServiceError(code, message));
}
