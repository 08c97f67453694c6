import { Code, ServiceError } from "@infaas/runtime";
import type { AxisLimit } from "../engines/axis-limits";
import {
  type CoreWaits,
  type DirectBatch,
  type DirectFigures,
  type DirectService,
  type Engine,
  type EngineAnswer,
  type EngineLoss,
  type EngineQuery,
  type EngineTensor,
  NO_CORE_WAITS,
  NO_RECHECKS,
  type RecheckFigures,
} from "../engines/engine-port";
import type { EngineFigures, ProcessOrder, ProcessReport } from "./process-messages";

type Opened = Extract<ProcessReport, { kind: "opened" }>;

/** Calls to an engine in another process. */
export interface EngineChannel {
  /** Name of the process. */
  readonly process: string;
  tell(order: ProcessOrder): void;
  /**
   * Sends the order that `make` returns for a new call; settles with the answer to it, or rejects when the
   * process ends.
   */
  call(make: (call: number) => ProcessOrder): Promise<EngineAnswer | null>;
}

/** Batches remembered until the figures are taken; beyond it the oldest make room. */
const BATCHES_MAX = 4_096;

/**
 * An engine in another process, as this one knows it: load as last told (every 250 ms), queries of its own by message.
 * Queries from frontends do not come this way: they have links to that process.
 */
export class RemoteEngine implements Engine {
  readonly inputs: readonly EngineTensor[];
  readonly optionalInputs: readonly EngineTensor[];
  readonly outputs: readonly EngineTensor[];
  readonly axisLimits: readonly AxisLimit[];
  readonly batchable: boolean;
  readonly maxBatch: number;
  readonly process: string;
  readonly direct = new RemoteDirect();
  private readonly listeners: ((loss: EngineLoss) => void)[] = [];
  private told: EngineFigures | null = null;
  private loss: EngineLoss | null = null;
  private closing: Promise<void> | null = null;

  constructor(
    readonly number: number,
    private readonly opened: Opened,
    private readonly channel: EngineChannel,
  ) {
    this.process = channel.process;
    this.inputs = opened.inputs;
    this.optionalInputs = opened.optionalInputs;
    this.outputs = opened.outputs;
    this.axisLimits = opened.axisLimits;
    this.batchable = opened.batchable;
    this.maxBatch = opened.maxBatch;
  }

  get unbatchedReason(): string | null {
    return this.told === null ? this.opened.unbatchedReason : this.told.unbatchedReason;
  }

  get queuedRows(): number {
    return this.told?.queuedRows ?? 0;
  }

  get runningRows(): number {
    return this.told?.runningRows ?? 0;
  }

  get rechecks(): RecheckFigures {
    return this.told?.rechecks ?? NO_RECHECKS;
  }

  get coreWaits(): CoreWaits {
    return this.told?.coreWaits ?? NO_CORE_WAITS;
  }

  get unresponsiveMs(): number {
    return this.told?.unresponsiveMs ?? 0;
  }

  setCoreWeight(weight: number): void {
    if (this.loss === null) this.channel.tell({ kind: "weight", engine: this.number, weight });
  }

  drainTimeMs(): number {
    return this.told?.drainMs ?? 0;
  }

  async submit(inputs: readonly Uint8Array[], { signal: _, ...query }: EngineQuery): Promise<EngineAnswer> {
    const answer = await this.channel.call((call) => ({
      kind: "submit",
      call,
      engine: this.number,
      inputs,
      query,
    }));
    if (answer === null)
      throw new ServiceError(Code.INTERNAL, "a query was answered without an answer: this is a bug");
    return answer;
  }

  async drain(): Promise<void> {
    if (this.loss !== null) return;
    await this.channel.call((call) => ({ kind: "drain", call, engine: this.number })).catch(() => null);
  }

  close(): Promise<void> {
    this.closing ??= this.leave();
    return this.closing;
  }

  onLost(listener: (loss: EngineLoss) => void): void {
    if (this.loss === null) this.listeners.push(listener);
    else listener(this.loss);
  }

  /** Lets links of its process run `variant` on it. */
  serve(variant: string): void {
    if (this.loss === null) this.channel.tell({ kind: "serve", variant, engine: this.number });
  }

  /** Takes what its process told. */
  received(figures: EngineFigures): void {
    this.told = figures;
    this.direct.received(figures);
  }

  /** Its process ended. */
  lost(loss: EngineLoss): void {
    if (this.loss !== null || this.closing !== null) return;
    this.loss = loss;
    this.direct.retire();
    for (const listener of this.listeners.splice(0)) listener(loss);
  }

  private async leave(): Promise<void> {
    if (this.loss !== null) return;
    await this.channel.call((call) => ({ kind: "close", call, engine: this.number })).catch(() => null);
    this.direct.retire();
  }
}

/** What links of the other process did with an engine, as last told. */
class RemoteDirect implements DirectService {
  private servedRows = 0;
  private refused = 0;
  private batches: DirectBatch[] = [];
  private last: Pick<EngineFigures, "inFlight" | "idleMs"> = {
    inFlight: 0,
    idleMs: Number.POSITIVE_INFINITY,
  };
  private isRetired = false;

  /** Links of another process are told by `RemoteEngine.serve`. */
  serveOn(): boolean {
    return false;
  }

  get inFlight(): number {
    return this.last.inFlight;
  }

  get idleMs(): number {
    return this.last.idleMs;
  }

  get retired(): boolean {
    return this.isRetired;
  }

  takeFigures(): DirectFigures {
    const { servedRows, refused, batches } = this;
    this.servedRows = 0;
    this.refused = 0;
    this.batches = [];
    // Traces are recorded where the queries ran.
    return { servedRows, refused, batches, traces: [], tracesLost: 0 };
  }

  received(figures: EngineFigures): void {
    this.last = figures;
    this.servedRows += figures.servedRows;
    this.refused += figures.refused;
    this.batches.push(...figures.batches);
    this.batches.splice(0, Math.max(0, this.batches.length - BATCHES_MAX));
  }

  retire(): void {
    this.isRetired = true;
  }
}
