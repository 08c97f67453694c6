import { type LoadOverride, overrideKey } from "@infaas/api";
import type { Logger, Timer } from "@infaas/runtime";
import { Instance, type InstancePorts, type LoadPhases } from "./instance";
import { type HeldInstance, planReconcile, type ReconcilePlan, type Shortfall } from "./plan-reconcile";
import { instanceKey, type VariantSpec } from "./variant-spec";

/** A variant that should run here. */
export interface DesiredVariant {
  readonly spec: VariantSpec;
  /** Monotonic time at which it was last wanted anew. */
  readonly desiredAtMs: number;
  /** Where memory is short, what has less gives way to what has more; default 0. */
  readonly priority?: number;
  /** That of its entry in the placement of this executor; default 0. */
  readonly generation?: bigint;
}

/** One instance as reported to metadata. */
export interface InstanceLine {
  readonly variant: string;
  readonly phase: "loading" | "probing" | "ready" | "draining" | "failed";
  /** Why it failed, or why the desired one of its variant cannot be loaded; empty otherwise. */
  readonly reason: string;
  readonly memoryBytes: number;
  readonly inFlight: number;
  readonly drainMs: number;
  /** Duration of the load; 0 before it is ready. */
  readonly loadMs: number;
  /** What the load took by phase; absent before it is ready. */
  readonly load?: LoadPhases;
  /** Name of the engine process that runs it; empty: the executor's own. */
  readonly process: string;
  /** The operator's override that it is loaded with; absent: as registered (decision 0017). */
  readonly loadOverride?: LoadOverride;
  /** It is not loaded for want of memory alone. */
  readonly lacksMemory: boolean;
  /** That of its entry in the placement of this executor which the line follows; 0: it should not be here. */
  readonly generation: bigint;
}

export interface ExecutorOptions {
  readonly name: string;
  /** Memory all instances together may take. */
  readonly memoryBytes: number;
  readonly ports: InstancePorts;
  readonly logger: Logger;
  /** Returns the memory that engines and queries take as measured, bytes. Default: nothing is measured. */
  readonly takenBytes?: () => number;
  /** Called, before other listeners, with the instance that answers for a variant from now on. */
  readonly onServing?: (variant: string, instance: Instance | undefined) => void;
}

/** Change of measured memory, as a share of all, after which instances are planned anew. */
const REMEASURE_SHARE = 1 / 64;

/**
 * The instances of one host. It reconciles them to the desired variants (`setDesired`) step by step and calls
 * its listeners after every change. Queries never wait for a load here.
 */
export class Executor {
  private readonly instances = new Map<string, Instance>();
  private readonly byVariant = new Map<string, Instance>();
  private readonly listeners: (() => void)[] = [];
  private desired = new Map<string, DesiredVariant>();
  private shortfalls: readonly Shortfall[] = [];
  private timer: Timer | null = null;
  private planning = false;
  private stopping = false;
  private told = "[]";
  private plannedExcessBytes = 0;

  constructor(private readonly options: ExecutorOptions) {}

  get name(): string {
    return this.options.name;
  }

  get memoryBytes(): number {
    return this.options.memoryBytes;
  }

  /** Memory neither set aside for an instance nor taken beyond that; never negative. */
  get memoryFreeBytes(): number {
    return Math.max(0, this.memoryBytes - Math.max(this.heldBytes, this.takenBytes));
  }

  /** Memory that engines and queries take, as measured. */
  get takenBytes(): number {
    return this.options.takenBytes?.() ?? 0;
  }

  /** Plans anew if the memory that is taken beyond what is set aside has changed much since the last plan. */
  remeasure(): void {
    if (Math.abs(this.excessBytes - this.plannedExcessBytes) >= REMEASURE_SHARE * this.memoryBytes)
      this.planSoon();
  }

  /** Memory set aside for instances. */
  private get heldBytes(): number {
    let heldBytes = 0;
    for (const instance of this.instances.values()) heldBytes += instance.memoryBytes;
    return heldBytes;
  }

  /** Memory taken beyond what is set aside: by queries larger than what instances were measured with. */
  private get excessBytes(): number {
    return Math.max(0, this.takenBytes - this.heldBytes);
  }

  /** Every instance, in whatever phase. */
  held(): readonly Instance[] {
    return [...this.instances.values()];
  }

  /**
   * The instance that answers for a variant now: a ready one if there is one, the desired one before others.
   */
  instance(variant: string): Instance | undefined {
    return this.byVariant.get(variant);
  }

  /** Calls `listener` after every change of an instance or of what cannot be loaded. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Replaces the desired variants. */
  setDesired(desired: readonly DesiredVariant[]): void {
    this.desired = new Map(desired.map((wanted) => [instanceKey(wanted.spec), wanted]));
    for (const [key, { spec }] of this.desired) this.instances.get(key)?.update(spec);
    this.planSoon();
  }

  /**
   * Returns the report to metadata: one line for each variant that has an instance, or is desired and finds
   * no memory. Of an instance that answers until its variant is loaded in another way, the line says why that
   * load failed.
   */
  lines(): readonly InstanceLine[] {
    const short = this.shortfalls.filter((s) => !this.instances.has(s.key));
    const lines = oneForEach([
      ...this.held().flatMap(instanceLine),
      ...short.flatMap((s) => this.shortLine(s)),
    ]);
    const generations = new Map([...this.desired.values()].map((d) => [d.spec.name, d.generation ?? 0n]));
    return lines.map((line) => ({ ...line, generation: generations.get(line.variant) ?? 0n }));
  }

  /** Drains every instance within `withinMs`; nothing is loaded after this call. */
  async stop(withinMs: number): Promise<void> {
    this.stopping = true;
    this.timer?.cancel();
    await Promise.all(this.held().map((instance) => instance.drain(withinMs)));
  }

  /** Plans after the current turn of the event loop, so that many changes make one plan. */
  private planSoon(): void {
    if (this.planning || this.stopping) return;
    this.planning = true;
    this.options.ports.clock.soon(() => {
      this.planning = false;
      if (!this.stopping) this.carryOut(this.plan());
      this.tell();
    });
  }

  private plan(): ReconcilePlan {
    const desired = [...this.desired].map(([key, wanted]) => ({
      key,
      variant: wanted.spec.name,
      memoryBytes: wanted.spec.memoryBytes,
      desiredAtMs: wanted.desiredAtMs,
      priority: wanted.priority ?? 0,
    }));
    const held = [...this.instances].flatMap(([key, instance]) => heldInstance(key, instance));
    this.plannedExcessBytes = this.excessBytes;
    const totalBytes = this.memoryBytes - this.plannedExcessBytes;
    return planReconcile(desired, held, { totalBytes }, this.options.ports.clock.nowMs());
  }

  private carryOut(plan: ReconcilePlan): void {
    const { clock } = this.options.ports;
    this.shortfalls = plan.short;
    for (const key of plan.drain) void this.instances.get(key)?.drain();
    for (const key of plan.load) this.load(key);
    this.timer?.cancel();
    this.timer =
      plan.againAtMs === null
        ? null
        : clock.setTimer(Math.max(0, plan.againAtMs - clock.nowMs()), () => this.planSoon());
  }

  private load(key: string): void {
    const wanted = this.desired.get(key);
    if (wanted === undefined) return;
    const before = this.instances.get(key);
    const failures = before?.state.phase === "failed" ? before.failures + 1 : 0;
    const instance = new Instance(
      wanted.spec,
      this.options.ports,
      (changed) => this.changed(key, changed),
      failures,
    );
    this.instances.set(key, instance);
    this.index(instance.spec.name);
    void instance.load();
  }

  private changed(key: string, instance: Instance): void {
    if (this.instances.get(key) !== instance) return;
    if (instance.state.phase === "gone") this.instances.delete(key);
    this.index(instance.spec.name);
    this.log(instance);
    if (this.stopping) this.tell();
    else this.planSoon();
  }

  private index(variant: string): void {
    const candidates = this.held().filter((instance) => instance.spec.name === variant);
    const ready = candidates.filter((instance) => instance.state.phase === "ready");
    const best = ready.find(({ spec }) => this.desired.has(instanceKey(spec))) ?? ready[0] ?? candidates[0];
    if (best === undefined) this.byVariant.delete(variant);
    else this.byVariant.set(variant, best);
    this.options.onServing?.(variant, best);
  }

  private log(instance: Instance): void {
    const { logger } = this.options;
    const fields = { variant: instance.spec.name, ...describe(instance) };
    if (instance.state.phase === "failed") logger.warn("instance failed", fields);
    else logger.info(`instance ${instance.state.phase}`, fields);
  }

  /**
   * Calls listeners when the report has changed; otherwise a listener that causes a plan would do so forever.
   */
  private tell(): void {
    const now = JSON.stringify(
      this.lines().map(({ variant, phase, reason, memoryBytes, loadOverride, lacksMemory, generation }) => [
        ...[variant, phase, reason, memoryBytes, lacksMemory, String(generation)],
        overrideKey(loadOverride),
      ]),
    );
    if (now === this.told) return;
    this.told = now;
    for (const listener of this.listeners) listener();
  }

  private shortLine(short: Shortfall): LineOfOne[] {
    const wanted = this.desired.get(short.key);
    if (wanted === undefined) return [];
    const reason = `no room: needs ${short.neededBytes} bytes, ${short.availableBytes} of ${this.memoryBytes} can be had`;
    const nothing = { memoryBytes: 0, inFlight: 0, drainMs: 0, loadMs: 0, process: "" };
    const line = { variant: wanted.spec.name, phase: "failed", reason, lacksMemory: true } as const;
    return [{ ...overrideOf(wanted.spec), ...line, ...nothing }];
  }
}

function heldInstance(key: string, instance: Instance): HeldInstance[] {
  const { state, memoryBytes, usedAtMs, inFlight } = instance;
  if (state.phase === "gone") return [];
  const retryAtMs = state.phase === "failed" ? state.retryAtMs : 0;
  return [
    { key, variant: instance.spec.name, phase: state.phase, memoryBytes, usedAtMs, inFlight, retryAtMs },
  ];
}

/** A line before the placement is looked at. */
type LineOfOne = Omit<InstanceLine, "generation">;

function instanceLine(instance: Instance): LineOfOne[] {
  const { state, spec, memoryBytes, inFlight } = instance;
  if (state.phase === "gone") return [];
  const reason = state.phase === "failed" ? state.reason : "";
  const drainMs = instance.readyEngine?.drainTimeMs() ?? 0;
  const loadMs = state.phase === "ready" ? state.loadMs : 0;
  const load = state.phase === "ready" ? { load: state.load } : {};
  const process = instance.readyEngine?.process ?? "";
  const figures = { memoryBytes, inFlight, drainMs, loadMs, ...load, process, lacksMemory: false };
  return [{ ...overrideOf(spec), variant: spec.name, phase: state.phase, reason, ...figures }];
}

/** One line for each variant: of its instance that answers, or is nearest to answering. */
function oneForEach(lines: readonly LineOfOne[]): readonly LineOfOne[] {
  const told = new Map<string, LineOfOne>();
  for (const line of lines) {
    const before = told.get(line.variant);
    const best = before === undefined || nearness(line) < nearness(before) ? line : before;
    const reason = [line, before].find((l) => l?.phase === "failed")?.reason ?? best.reason;
    told.set(line.variant, { ...best, reason });
  }
  return [...told.values()];
}

function nearness({ phase }: LineOfOne): number {
  return ["ready", "probing", "loading", "failed", "draining"].indexOf(phase);
}

function overrideOf({ loadOverride }: VariantSpec): Pick<InstanceLine, "loadOverride"> {
  return loadOverride === undefined ? {} : { loadOverride };
}

function describe(instance: Instance): object {
  const { state } = instance;
  if (state.phase === "ready") return { loadMs: Math.round(state.loadMs) };
  if (state.phase === "failed") return { reason: state.reason };
  return {};
}
