import { backoffMs, type Clock, Code, deferred, ServiceError, settledWithin } from "@infaas/runtime";
import type {
  Batching,
  DirectService,
  Engine,
  EngineAnswer,
  EngineLoss,
  EngineOptions,
  EnginePort,
  EngineQuery,
} from "../engines/engine-port";
import type { ModelFiles } from "../files/model-folders";
import type { LoadJournal } from "./load-journal";
import { probeEngine } from "./probe";
import type { VariantSpec } from "./variant-spec";

/** The life of an instance. Only `ready` takes queries; `failed` and `gone` hold no memory. */
export type InstanceState =
  | { readonly phase: "loading"; readonly sinceMs: number }
  | { readonly phase: "probing"; readonly sinceMs: number; readonly engine: Engine }
  | { readonly phase: "ready"; readonly engine: Engine; readonly loadMs: number; readonly load: LoadPhases }
  | { readonly phase: "draining"; readonly engine: Engine | null }
  | { readonly phase: "failed"; readonly reason: string; readonly retryAtMs: number }
  | { readonly phase: "gone" };

/** What a load took, phase by phase, ms; together they are all of it. */
export interface LoadPhases {
  /** Until the files were here and verified. */
  readonly fetchMs: number;
  /** Until the process that runs the engine was up; 0: it is this one, or was up. */
  readonly processMs: number;
  /** Until the engine had opened the file. */
  readonly openMs: number;
  /** Until the golden input was answered. */
  readonly probeMs: number;
}

export interface InstancePorts {
  readonly clock: Clock;
  readonly engines: EnginePort;
  /** Resolves to the path of a verified local file, its external data beside it; may download them. */
  readonly modelFile: (files: ModelFiles) => Promise<string>;
  /** Default: none, so a load that ends the process is repeated by the next one. */
  readonly journal?: LoadJournal;
  /** Rows that may wait at one instance. */
  readonly queueRowsMax: number;
  /** Bytes that may wait at one instance. */
  readonly queueBytesMax: number;
}

/** First pause after a failed load; doubles with each further failure. */
const RETRY_FIRST_MS = 1_000;
/** Longest pause between attempts to load. */
const RETRY_MAX_MS = 60_000;
/** Longest drain; queries left after it are refused with UNAVAILABLE. */
export const DRAIN_MAX_MS = 30_000;

/** One loaded copy of a variant: loading → probing → ready → draining → gone, or failed on the way. */
export class Instance {
  private current: InstanceState;
  private loading: Promise<void> | null = null;
  private leaving: Promise<void> | null = null;
  private accepted = 0;
  private usedMs: number;

  /**
   * `failures` is how often this variant failed here before; `onChange` is called after every change of
   * phase.
   */
  constructor(
    private variant: VariantSpec,
    private readonly ports: InstancePorts,
    private readonly onChange: (instance: Instance) => void,
    readonly failures = 0,
  ) {
    this.usedMs = ports.clock.nowMs();
    this.current = { phase: "loading", sinceMs: this.usedMs };
  }

  get spec(): VariantSpec {
    return this.variant;
  }

  /** Takes a later record of the variant that has the same `instanceKey`: its weight may be another one. */
  update(variant: VariantSpec): void {
    if (variant.coreWeight !== this.variant.coreWeight)
      this.readyEngine?.setCoreWeight?.(variant.coreWeight ?? 1);
    this.variant = variant;
  }

  get state(): InstanceState {
    return this.current;
  }

  /** Queries accepted and not yet answered. */
  get inFlight(): number {
    return this.accepted + (this.direct?.inFlight ?? 0);
  }

  /** Monotonic time of the last query, or of becoming ready. */
  get usedAtMs(): number {
    const { direct } = this;
    return direct === undefined
      ? this.usedMs
      : Math.max(this.usedMs, this.ports.clock.nowMs() - direct.idleMs);
  }

  get memoryBytes(): number {
    return this.current.phase === "failed" || this.current.phase === "gone" ? 0 : this.spec.memoryBytes;
  }

  /** The engine while queries may be submitted, else null. */
  get readyEngine(): Engine | null {
    return this.current.phase === "ready" ? this.current.engine : null;
  }

  get adapter(): NonNullable<VariantSpec["adapter"]> | undefined {
    return this.spec.adapter;
  }

  /** Loads and probes, once: every caller waits for the same attempt. Resolves whatever the outcome is. */
  load(): Promise<void> {
    this.loading ??= this.runLoad();
    return this.loading;
  }

  /**
   * Runs one query; rejects with UNAVAILABLE unless ready, else with the engine's failure (see `EnginePort`).
   */
  submit(inputs: readonly Uint8Array[], query: EngineQuery): Promise<EngineAnswer> {
    const engine = this.readyEngine;
    if (engine === null) return Promise.reject(this.unavailable());
    this.accepted += 1;
    this.usedMs = this.ports.clock.nowMs();
    const answer = engine.submit(inputs, query);
    answer.then(this.settle, this.settle);
    return answer;
  }

  /**
   * Takes no more queries, answers those accepted, then frees everything. Idempotent; bounded by `withinMs`.
   */
  drain(withinMs = DRAIN_MAX_MS): Promise<void> {
    if (this.leaving === null) {
      const { promise, resolve } = deferred();
      this.leaving = promise;
      this.runDrain(withinMs).then(resolve, resolve);
    }
    return this.leaving;
  }

  /** Returns the UNAVAILABLE of a query that arrives before or after `ready`. */
  unavailable(): ServiceError {
    const why = this.current.phase === "failed" ? `failed: ${this.current.reason}` : this.current.phase;
    return new ServiceError(Code.UNAVAILABLE, `instance of ${this.spec.name} is ${why}, not ready`);
  }

  private get direct(): DirectService | undefined {
    const { current } = this;
    return current.phase === "ready" || current.phase === "draining" ? current.engine?.direct : undefined;
  }

  private readonly settle = (): void => {
    this.accepted -= 1;
  };

  private async runLoad(): Promise<void> {
    const { clock, modelFile, journal } = this.ports;
    const startMs = clock.nowMs();
    try {
      const path = await modelFile(this.spec);
      if (this.leaving !== null) return;
      const open = () => this.openAndProbe(path, startMs);
      await (journal === undefined ? open() : journal.during(this.spec, open));
    } catch (fault) {
      if (this.leaving === null) this.fail(ServiceError.from(fault).message);
    }
  }

  private async openAndProbe(path: string, startMs: number): Promise<void> {
    const { clock, engines, queueRowsMax, queueBytesMax } = this.ports;
    let engine: Engine | null = null;
    const fetchedMs = clock.nowMs();
    let processMs = 0;
    try {
      const { concurrency, threads, maxBatch, latency } = this.spec;
      const { name, architecture, padding, adapter, recheck, axisLimits } = this.spec;
      engine = await engines.open({
        owner: { variant: name, architecture },
        ...(padding === undefined ? {} : { padding }),
        ...(adapter === undefined ? {} : { adapter }),
        ...(axisLimits === undefined ? {} : { axisLimits }),
        path,
        ...(this.spec.onDevice === undefined ? {} : { onDevice: this.spec.onDevice }),
        concurrency,
        threads,
        maxBatch,
        batching: batchingOf(this.spec),
        ...(recheck === undefined ? {} : { recheck }),
        ...heldBy(this.spec),
        latency,
        coreWeight: this.spec.coreWeight ?? 1,
        queueRowsMax,
        queueBytesMax,
        onProcess: () => {
          processMs = clock.nowMs() - fetchedMs;
        },
      });
      const openedMs = clock.nowMs();
      if (this.leaving !== null) return await engine.close();
      engine.onLost?.((loss) => this.lost(loss));
      this.enter({ phase: "probing", sinceMs: clock.nowMs(), engine });
      const verdict = await probeEngine(engine, this.spec);
      if (this.leaving !== null) return;
      if (!verdict.ok) throw new ServiceError(Code.FAILED_PRECONDITION, verdict.reason);
      this.usedMs = clock.nowMs();
      engine.setCoreWeight?.(this.spec.coreWeight ?? 1);
      const load = {
        fetchMs: fetchedMs - startMs,
        processMs,
        openMs: openedMs - fetchedMs - processMs,
        probeMs: this.usedMs - openedMs,
      };
      this.enter({ phase: "ready", engine, loadMs: this.usedMs - startMs, load });
    } catch (fault) {
      await engine?.close();
      throw fault;
    }
  }

  /** The engine's process ended. What was only near it is loaded anew at once. */
  private lost({ reason, suspect }: EngineLoss): void {
    const { phase } = this.current;
    if (phase !== "ready" || this.leaving !== null) return;
    if (suspect) this.fail(reason);
    else this.enter({ phase: "failed", reason, retryAtMs: this.ports.clock.nowMs() });
  }

  private fail(reason: string): void {
    const pauseMs = backoffMs({ firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS }, this.failures);
    this.enter({ phase: "failed", reason, retryAtMs: this.ports.clock.nowMs() + pauseMs });
  }

  private async runDrain(withinMs: number): Promise<void> {
    const before = this.current;
    const engine = before.phase === "ready" || before.phase === "probing" ? before.engine : null;
    if (before.phase !== "failed") this.enter({ phase: "draining", engine });
    if (before.phase === "loading") await this.loading;
    if (engine !== null) {
      await settledWithin(this.ports.clock, engine.drain(), withinMs);
      await engine.close();
    }
    this.enter({ phase: "gone" });
  }

  private enter(state: InstanceState): void {
    this.current = state;
    this.onChange(this);
  }
}

/** Options of batching in the operator's load override. */
function heldBy({
  loadOverride,
  maxBatch,
}: VariantSpec): Pick<EngineOptions, "queueDelayMaxMs" | "preferredBatches"> {
  const { queueDelayMaxMs } = loadOverride ?? {};
  const preferredBatches = loadOverride?.preferredBatches.filter((size) => size <= maxBatch) ?? [];
  return {
    ...(queueDelayMaxMs === undefined ? {} : { queueDelayMaxMs }),
    ...(preferredBatches.length === 0 ? {} : { preferredBatches }),
  };
}

/** Registration has run the model, so its finding goes before what the file declares of its outputs. */
function batchingOf({ unbatched, maxBatch }: VariantSpec): Batching {
  if (unbatched) return "never";
  return maxBatch > 1 ? "inputs" : "declared";
}
