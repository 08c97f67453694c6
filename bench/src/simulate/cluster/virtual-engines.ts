import { type Begun, VirtualBatcher } from "@infaas/cuda-batcher/testing";
import type {
  DirectFigures,
  DirectService,
  Engine,
  EngineAnswer,
  EngineOptions,
  EnginePort,
  EngineQuery,
  StageTimes,
} from "@infaas/executor";
import { type Clock, Code, ServiceError, type Timer } from "@infaas/runtime";
import type { ServiceTimes } from "./service-times";
import type { SharedCapacity } from "./shared-capacity";

const TENSOR = { name: "x", datatype: "FP32", dims: [-1] };
/** A batch that is waited for is looked at again no sooner than the clock counts. */
const TICK_MS = 0.001;
/** Batches told of in one reading of the figures. */
const BATCHES_MAX = 4_096;

/** Told once what becomes of a query, at that time. */
export interface EngineListener {
  answered(times: StageTimes): void;
  refused(fault: ServiceError): void;
}

/** Core time that engines have taken, ms, noted at the end of each batch and of each load. */
export interface CoreLedger {
  batchesMs: number;
  loadsMs: number;
  /** Files opened. */
  loads: number;
}

/** Engines of one host: batches take the time of a profile on the cores that they share. */
export class VirtualEngines implements EnginePort {
  readonly ledger: CoreLedger = { batchesMs: 0, loadsMs: 0, loads: 0 };
  private readonly opened = new Set<VirtualEngine>();

  constructor(
    private readonly clock: Clock,
    private readonly times: ServiceTimes,
    private readonly cores: SharedCapacity,
  ) {}

  /** Opening a file keeps one core busy. */
  async open(options: EngineOptions): Promise<Engine> {
    const variant = options.owner?.variant ?? options.path;
    const { ledger, cores, times } = this;
    const loadMs = times.loadMs(variant);
    await new Promise<void>((opened) => void cores.begin(1, loadMs, opened));
    ledger.loads++;
    ledger.loadsMs += loadMs;
    const { threads } = options;
    const engine = new VirtualEngine(options, this.clock, (rows, done) => {
      const batchMs = times.batchMs(variant, rows);
      return cores.begin(threads, batchMs, () => {
        ledger.batchesMs += threads * batchMs;
        done();
      });
    });
    this.opened.add(engine);
    return engine;
  }

  /** The process is killed: nobody is answered any more. */
  kill(): void {
    for (const engine of this.opened) engine.kill();
  }
}

interface Waiting {
  readonly arrivedMs: number;
  readonly rows: number;
  readonly listener: EngineListener;
}

/** One opened variant behind the batcher that serves. Queries enter it by `ask`, as those of native links do, or by `submit`. */
export class VirtualEngine implements Engine, DirectService {
  readonly inputs = [TENSOR];
  readonly optionalInputs = [];
  readonly outputs = [TENSOR];
  readonly batchable = true;
  readonly unbatchedReason = null;
  readonly maxBatch: number;
  readonly direct: DirectService = this;
  private readonly concurrency: number;
  private readonly batcher: VirtualBatcher;
  private readonly waiting = new Map<number, Waiting>();
  private readonly batches: { endedMs: number; runMs: number; rows: number }[] = [];
  private readonly counted = { servedRows: 0, refused: 0 };
  private readonly runs = new Set<() => void>();
  private nextId = 0;
  private batchId = 0;
  private lastMs = Number.NEGATIVE_INFINITY;
  private timer: Timer | null = null;
  private closed = false;
  private emptied: (() => void) | null = null;
  private running = 0;

  constructor(
    options: EngineOptions,
    private readonly clock: Clock,
    private readonly begin: (rows: number, done: () => void) => () => void,
  ) {
    const { concurrency, maxBatch, queueRowsMax, queueBytesMax, latency, preferredBatches } = options;
    this.maxBatch = maxBatch;
    this.concurrency = concurrency;
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
    return this.batcher.queuedRows;
  }

  get runningRows(): number {
    return this.batcher.runningRows;
  }

  drainTimeMs(): number {
    return this.batcher.drainTimeMs(this.clock.nowMs());
  }

  get inFlight(): number {
    return this.waiting.size + this.running;
  }

  get idleMs(): number {
    return this.clock.nowMs() - this.lastMs;
  }

  get retired(): boolean {
    return this.closed;
  }

  /** Links of the simulation find the engine by its instance. */
  serveOn(): boolean {
    return true;
  }

  takeFigures(): DirectFigures {
    const nowMs = this.clock.nowMs();
    const batches = this.batches
      .splice(0)
      .map(({ endedMs, runMs, rows }) => ({ agoMs: nowMs - endedMs, runMs, rows }));
    const { servedRows, refused } = this.counted;
    this.counted.servedRows = 0;
    this.counted.refused = 0;
    return { servedRows, refused, batches, traces: [], tracesLost: 0 };
  }

  /** Asks for so many rows; the listener is told once, possibly before this returns. Returns what `cancel` takes. */
  ask(rows: number, lane: number, timeoutMs: number | null, listener: EngineListener): number {
    const nowMs = this.clock.nowMs();
    const id = this.nextId++;
    const fault = this.admit(id, rows, lane, nowMs, timeoutMs);
    if (fault !== null) {
      this.counted.refused++;
      listener.refused(fault);
      return id;
    }
    this.lastMs = nowMs;
    this.waiting.set(id, { arrivedMs: nowMs, rows, listener });
    this.look();
    return id;
  }

  submit(_inputs: readonly Uint8Array[], query: EngineQuery): Promise<EngineAnswer> {
    const { rows, lane, timeoutMs, signal, alone } = query;
    if (alone === true)
      return Promise.reject(new ServiceError(Code.UNIMPLEMENTED, "a batch of one query is not simulated"));
    return new Promise((resolve, reject) => {
      const id = this.ask(rows, lane, timeoutMs, {
        answered: (times) => resolve({ ...times, outputs: [], outputDims: [], release: () => undefined }),
        refused: reject,
      });
      signal?.addEventListener("abort", () => this.cancel(id), { once: true });
    });
  }

  /** Takes a query out that no batch has begun with. */
  cancel(id: number): void {
    if (this.waiting.has(id) && this.batcher.cancel(id))
      this.refuse(id, new ServiceError(Code.CANCELLED, "cancelled"));
  }

  async drain(): Promise<void> {
    this.closed = true;
    if (this.inFlight === 0) return;
    await new Promise<void>((resolve) => {
      this.emptied = resolve;
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    for (const id of [...this.waiting.keys()])
      this.refuse(id, new ServiceError(Code.UNAVAILABLE, "the engine is closed"));
  }

  /** Nothing that it was asked is answered. */
  kill(): void {
    this.closed = true;
    this.timer?.cancel();
    this.waiting.clear();
    for (const giveUp of this.runs) giveUp();
    this.runs.clear();
    this.running = 0;
  }

  /** Why a query is refused; null: it waits. */
  private admit(
    id: number,
    rows: number,
    lane: number,
    nowMs: number,
    timeoutMs: number | null,
  ): ServiceError | null {
    if (this.closed) return new ServiceError(Code.UNAVAILABLE, "the engine is closed");
    if (rows > this.maxBatch)
      return new ServiceError(Code.UNIMPLEMENTED, `${rows} rows, more than a batch, are not simulated`);
    const deadlineMs = timeoutMs === null ? Number.POSITIVE_INFINITY : nowMs + timeoutMs;
    const admission = this.batcher.submit(id, nowMs, rows, deadlineMs, lane);
    if (admission === "late")
      return new ServiceError(Code.DEADLINE_EXCEEDED, "it cannot be answered in time");
    return admission === "full" ? new ServiceError(Code.RESOURCE_EXHAUSTED, "the queue is full") : null;
  }

  private look(): void {
    this.timer?.cancel();
    this.timer = null;
    const nowMs = this.clock.nowMs();
    if (this.running > 0 || this.waiting.size > 1) this.drop(this.batcher.late(nowMs));
    // With every engine busy none begins a batch, and the end of one looks again.
    while (this.runs.size < this.concurrency) {
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
    const batchId = this.batchId++;
    const taken: Waiting[] = [];
    for (const id of members) {
      const one = this.waiting.get(id);
      this.waiting.delete(id);
      if (one !== undefined) taken.push(one);
    }
    this.running += taken.length;
    const giveUp = this.begin(paddedRows, () => {
      this.runs.delete(giveUp);
      this.ended(engine, batchId, rows, nowMs, taken);
    });
    this.runs.add(giveUp);
  }

  private ended(engine: number, batchId: number, rows: number, begunMs: number, taken: readonly Waiting[]) {
    const nowMs = this.clock.nowMs();
    const runMs = nowMs - begunMs;
    this.running -= taken.length;
    this.batcher.ended(engine, nowMs);
    this.counted.servedRows += rows;
    if (this.batches.length < BATCHES_MAX) this.batches.push({ endedMs: nowMs, runMs, rows });
    for (const { arrivedMs, listener } of taken)
      listener.answered({
        queueMs: begunMs - arrivedMs,
        gatherMs: 0,
        runMs,
        scatterMs: 0,
        batchSize: rows,
        batchId,
      });
    if (!this.closed || this.waiting.size > 0) this.look();
    if (this.inFlight === 0) this.emptied?.();
  }

  private drop(ids: readonly number[]): void {
    for (const id of ids) this.refuse(id, new ServiceError(Code.DEADLINE_EXCEEDED, "it is late"));
  }

  private refuse(id: number, fault: ServiceError): void {
    const one = this.waiting.get(id);
    if (one === undefined) return;
    this.waiting.delete(id);
    this.counted.refused++;
    one.listener.refused(fault);
    if (this.closed && this.inFlight === 0) this.emptied?.();
  }
}
