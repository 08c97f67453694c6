import { Code, deferred, ServiceError } from "@infaas/runtime";
import {
  type CoreWaits,
  type Engine,
  type EngineAnswer,
  type EngineOptions,
  type EnginePort,
  type EngineQuery,
  type EngineTensor,
  NO_CORE_WAITS,
} from "../engines/engine-port";

/** The model of a memory engine. */
export interface MemoryModel {
  readonly inputs: readonly EngineTensor[];
  /** Default: none. */
  readonly optionalInputs?: readonly EngineTensor[];
  readonly outputs: readonly EngineTensor[];
  readonly batchable: boolean;
  /** Answer to one query: the bytes of every output. */
  readonly run: (inputs: readonly Uint8Array[], query: EngineQuery) => readonly Uint8Array[];
}

/** An `EnginePort` in memory: a function answers, one query at a time, and can be held up. */
export class MemoryEngines implements EnginePort {
  readonly opened: MemoryEngine[] = [];
  private gate: Promise<void> = Promise.resolve();
  private openGate: () => void = () => undefined;
  private asked = deferred();

  constructor(private readonly model: MemoryModel) {}

  async open(options: EngineOptions): Promise<Engine> {
    this.asked.resolve();
    await this.gate;
    const engine = new MemoryEngine(this.model, options);
    this.opened.push(engine);
    return engine;
  }

  /** Lets no engine open until `resume`; resolves when one is asked for. */
  hold(): Promise<void> {
    this.asked = deferred();
    const { promise, resolve } = deferred();
    this.gate = promise;
    this.openGate = resolve;
    return this.asked.promise;
  }

  /** Lets engines open again. */
  resume(): void {
    this.openGate();
  }
}

interface Waiting {
  readonly inputs: readonly Uint8Array[];
  readonly query: EngineQuery;
  readonly resolve: (answer: EngineAnswer) => void;
  readonly reject: (fault: ServiceError) => void;
}

/** One opened model of `MemoryEngines`. */
export class MemoryEngine implements Engine {
  readonly inputs: readonly EngineTensor[];
  readonly optionalInputs: readonly EngineTensor[];
  readonly outputs: readonly EngineTensor[];
  readonly batchable: boolean;
  readonly maxBatch: number;
  readonly runningRows = 0;
  /** Batches wait for cores only as a test says. */
  coreWaits: CoreWaits = NO_CORE_WAITS;
  /** As it was opened with, or set since. */
  coreWeight: number;
  /** Answers whose memory was not given back. */
  lent = 0;
  closed = false;
  private waiting: Waiting[] = [];
  private held = false;
  private draining = false;
  private emptied = deferred();

  constructor(
    private readonly model: MemoryModel,
    private readonly options: EngineOptions,
  ) {
    this.coreWeight = options.coreWeight ?? 1;
    this.inputs = model.inputs;
    this.optionalInputs = model.optionalInputs ?? [];
    this.outputs = model.outputs;
    this.batchable = model.batchable && options.batching !== "never";
    this.maxBatch = options.maxBatch;
  }

  get unbatchedReason(): string | null {
    return this.batchable ? null : "it runs requests one at a time";
  }

  get queuedRows(): number {
    return this.waiting.reduce((sum, { query }) => sum + query.rows, 0);
  }

  submit(inputs: readonly Uint8Array[], query: EngineQuery): Promise<EngineAnswer> {
    if (this.closed || this.draining)
      return Promise.reject(new ServiceError(Code.UNAVAILABLE, "engine is closing"));
    if (this.queuedRows + query.rows > this.options.queueRowsMax) {
      const message = `queue holds ${this.queuedRows} rows of ${this.options.queueRowsMax}`;
      return Promise.reject(new ServiceError(Code.RESOURCE_EXHAUSTED, message));
    }
    return new Promise((resolve, reject) => {
      const entry = { inputs, query, resolve, reject };
      query.signal?.addEventListener("abort", () => this.cancel(entry), { once: true });
      this.waiting.push(entry);
      if (!this.held) queueMicrotask(() => this.runAll());
    });
  }

  setCoreWeight(weight: number): void {
    this.coreWeight = weight;
  }

  drainTimeMs(): number {
    return this.queuedRows;
  }

  drain(): Promise<void> {
    this.draining = true;
    if (this.waiting.length === 0) this.emptied.resolve();
    return this.emptied.promise;
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const { reject } of this.take()) reject(new ServiceError(Code.UNAVAILABLE, "engine was closed"));
  }

  /** Answers nothing until `resume`. */
  hold(): void {
    this.held = true;
  }

  /** Answers what waits, and from now on at once. */
  resume(): void {
    this.held = false;
    this.runAll();
  }

  private runAll(): void {
    if (this.held) return;
    for (const { inputs, query, resolve } of this.take()) resolve(this.answer(inputs, query));
    if (this.draining) this.emptied.resolve();
  }

  private answer(inputs: readonly Uint8Array[], query: EngineQuery): EngineAnswer {
    const outputs = this.model.run(inputs, query);
    const outputDims = this.outputs.map(({ dims }) => dims.map((dim) => (dim < 0 ? query.rows : dim)));
    const times = { queueMs: 0, gatherMs: 0, runMs: 0, scatterMs: 0 };
    let released = false;
    this.lent += 1;
    const release = () => {
      if (!released) this.lent -= 1;
      released = true;
    };
    return { outputs, outputDims, batchSize: query.rows, ...times, release };
  }

  private cancel(entry: Waiting): void {
    this.waiting = this.waiting.filter((other) => other !== entry);
    entry.reject(new ServiceError(Code.CANCELLED, "cancelled"));
  }

  private take(): readonly Waiting[] {
    const taken = this.waiting;
    this.waiting = [];
    return taken;
  }
}
