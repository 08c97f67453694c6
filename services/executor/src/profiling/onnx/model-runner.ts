import { Code, ServiceError } from "@infaas/runtime";
import type { Batching, Engine, EngineAnswer, EnginePort, EngineTensor } from "../../engines/engine-port";
import type { RowSet } from "./row-set";

/** Rows that may wait in front of an engine while it is measured: a batch running and one behind it, per engine thread. */
const QUEUE_BATCHES_PER_THREAD = 4;
/** Room for the rows in the queue however small they are: a model may be run over larger ones later. */
const QUEUE_BYTES_MIN = 1 << 30;

/** How many cores and rows an engine gets. */
export interface RunnerOptions {
  readonly path: string;
  readonly threads: number;
  readonly concurrency: number;
  readonly maxBatch: number;
  /** Default: `inputs` where rows may share a batch, `never` where each is run by itself. */
  readonly batching?: Batching;
  /** Whether `cpuMs` measures CPU time; default false. */
  readonly cpuTimes?: boolean;
}

/** One answer: copied raw outputs, and the engine's time. */
export interface RunAnswer {
  readonly outputs: readonly Uint8Array[];
  readonly outputDims: readonly (readonly number[])[];
  readonly runMs: number;
}

/** An opened model that runs chosen rows of one row set together, as exactly one batch. */
export class ModelRunner {
  private constructor(
    private readonly engine: Engine,
    private readonly rows: RowSet,
  ) {}

  static async open(engines: EnginePort, rows: RowSet, o: RunnerOptions): Promise<ModelRunner> {
    const batches = o.concurrency * QUEUE_BATCHES_PER_THREAD;
    const engine = await engines.open({
      batching: o.maxBatch > 1 ? "inputs" : "never",
      ...o,
      latency: [],
      queueRowsMax: batches * o.maxBatch,
      queueBytesMax: Math.max(QUEUE_BYTES_MIN, batches * o.maxBatch * rows.rowBytes),
    });
    return new ModelRunner(engine, rows);
  }

  /**
   * Answers to the given rows, run together.
   * @throws ServiceError INTERNAL when the engine split the batch.
   */
  async run(rows: readonly number[]): Promise<RunAnswer> {
    return await this.submit(this.rows.inputsOf(rows), rows.length, ({ outputs, outputDims, runMs }) => {
      return { outputs: outputs.map((bytes) => Uint8Array.from(bytes)), outputDims, runMs };
    });
  }

  /** Time in the engine for inputs that were gathered before, so that a measuring loop copies nothing. */
  async timeMs(inputs: readonly Uint8Array[], rows: number): Promise<number> {
    return await this.submit(inputs, rows, ({ runMs }) => runMs);
  }

  /**
   * CPU time of the engine thread for such inputs, and the time in the engine where it measures no CPU time. With more
   * than one thread for a batch it leaves the others out.
   */
  async cpuMs(inputs: readonly Uint8Array[], rows: number): Promise<number> {
    return await this.submit(inputs, rows, ({ runMs, runCpuMs = -1 }) => (runCpuMs < 0 ? runMs : runCpuMs));
  }

  /** How long its batches have waited for cores of the host, milliseconds: time that is no measure of the model. */
  get coreWaitedMs(): number {
    return this.engine.coreWaits?.waitedMs ?? 0;
  }

  /** The same opened model over other rows; closing either closes both. */
  over(rows: RowSet): ModelRunner {
    return new ModelRunner(this.engine, rows);
  }

  /** Outputs as the engine declares them. */
  get outputs(): readonly EngineTensor[] {
    return this.engine.outputs;
  }

  /** Inputs that may be left out, as the engine takes them. */
  get optionalInputs(): readonly EngineTensor[] {
    return this.engine.optionalInputs;
  }

  async close(): Promise<void> {
    await this.engine.close();
  }

  private async submit<T>(
    inputs: readonly Uint8Array[],
    rows: number,
    read: (answer: EngineAnswer) => T,
  ): Promise<T> {
    const query = { rows, dims: this.rows.dimsOf(rows), lane: 0, timeoutMs: null, signal: null };
    const answer = await this.engine.submit(inputs, query);
    try {
      if (answer.batchSize >= rows) return read(answer);
      throw new ServiceError(Code.INTERNAL, `batch of ${rows} rows was run as ${answer.batchSize}`);
    } finally {
      answer.release();
    }
  }
}

/** Opens a model, hands it to `use` and closes it however that ends. */
export async function withRunner<T>(
  open: Promise<ModelRunner>,
  use: (runner: ModelRunner) => Promise<T>,
): Promise<T> {
  const runner = await open;
  try {
    return await use(runner);
  } finally {
    await runner.close();
  }
}
