import type { Logger, Timer } from "@infaas/runtime";
import { Instance, type InstancePorts } from "./instance";
import { type HeldInstance, planReconcile, type ReconcilePlan, type Shortfall } from "./plan-reconcile";
import { instanceKey, type VariantSpec } from "./variant-spec";

/** A variant that should run here. */
export interface Wish {
  readonly spec: VariantSpec;
  /** Monotonic time at which it was last wished for. */
  readonly wantedAtMs: number;
}

/** One instance as the cluster is told of it. */
export interface InstanceLine {
  readonly variant: string;
  readonly phase: "loading" | "probing" | "ready" | "draining" | "failed";
  /** Why it failed or cannot be loaded; empty otherwise. */
  readonly reason: string;
  readonly memoryBytes: number;
  readonly inFlight: number;
  readonly drainMs: number;
  /** What loading took; 0 before it is ready. */
  readonly loadMs: number;
}

/** What an executor is made of. */
export interface ExecutorOptions {
  readonly name: string;
  /** Memory all instances together may take. */
  readonly memoryBytes: number;
  readonly ports: InstancePorts;
  readonly logger: Logger;
  /** Told, before anyone else, which instance answers for a variant from now on. */
  readonly onServing?: (variant: string, instance: Instance | undefined) => void;
}

/**
 * One host's instances. It is told what should be (`setWill`), brings what is nearer to that, step by step, and tells
 * its listeners of every change. Loads never run on the way of a query.
 */
export class Executor {
  private readonly instances = new Map<string, Instance>();
  private readonly byVariant = new Map<string, Instance>();
  private readonly listeners: (() => void)[] = [];
  private wishes = new Map<string, Wish>();
  private shortfalls: readonly Shortfall[] = [];
  private timer: Timer | null = null;
  private planning = false;
  private stopping = false;
  private told = "[]";

  constructor(private readonly options: ExecutorOptions) {}

  get name(): string {
    return this.options.name;
  }

  get memoryBytes(): number {
    return this.options.memoryBytes;
  }

  /** Memory not set aside for any instance; never negative. */
  get memoryFreeBytes(): number {
    let heldBytes = 0;
    for (const instance of this.instances.values()) heldBytes += instance.memoryBytes;
    return Math.max(0, this.options.memoryBytes - heldBytes);
  }

  /** Every instance that is here, in whatever phase. */
  held(): readonly Instance[] {
    return [...this.instances.values()];
  }

  /** The instance that answers for a variant now: the ready one if there is one. */
  instance(variant: string): Instance | undefined {
    return this.byVariant.get(variant);
  }

  /** Calls `listener` after every change of an instance or of what cannot be loaded. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Replaces what should be here. */
  setWill(wishes: readonly Wish[]): void {
    this.wishes = new Map(wishes.map((wish) => [instanceKey(wish.spec), wish]));
    this.planSoon();
  }

  /** All instances, and the wanted variants for which there is no memory, as the cluster is told of them. */
  lines(): readonly InstanceLine[] {
    const short = this.shortfalls.filter((s) => !this.instances.has(s.key));
    return [...this.held().flatMap(instanceLine), ...short.flatMap((s) => this.shortLine(s))];
  }

  /** Drains everything within `withinMs` and loads nothing any more. */
  async stop(withinMs: number): Promise<void> {
    this.stopping = true;
    this.timer?.cancel();
    await Promise.all(this.held().map((instance) => instance.drain(withinMs)));
  }

  /** Plans after the current turn, so that many changes make one plan. */
  private planSoon(): void {
    if (this.planning || this.stopping) return;
    this.planning = true;
    queueMicrotask(() => {
      this.planning = false;
      if (!this.stopping) this.carryOut(this.plan());
      this.tell();
    });
  }

  private plan(): ReconcilePlan {
    const wanted = [...this.wishes].map(([key, wish]) => ({
      key,
      memoryBytes: wish.spec.memoryBytes,
      wantedAtMs: wish.wantedAtMs,
    }));
    const held = [...this.instances].flatMap(([key, instance]) => heldInstance(key, instance));
    return planReconcile(wanted, held, { totalBytes: this.memoryBytes }, this.options.ports.clock.nowMs());
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
    const wish = this.wishes.get(key);
    if (wish === undefined) return;
    const before = this.instances.get(key);
    const failures = before?.state.phase === "failed" ? before.failures + 1 : 0;
    const instance = new Instance(
      wish.spec,
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
    const best = candidates.find((instance) => instance.state.phase === "ready") ?? candidates[0];
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

  /** Tells of changes only: whoever listens may cause the next plan, and must not cause it for ever. */
  private tell(): void {
    const now = JSON.stringify(
      this.lines().map(({ variant, phase, reason, memoryBytes }) => [variant, phase, reason, memoryBytes]),
    );
    if (now === this.told) return;
    this.told = now;
    for (const listener of this.listeners) listener();
  }

  private shortLine(short: Shortfall): InstanceLine[] {
    const wish = this.wishes.get(short.key);
    if (wish === undefined) return [];
    const reason = `no room: needs ${short.neededBytes} bytes, ${short.availableBytes} of ${this.memoryBytes} can be had`;
    return [
      {
        variant: wish.spec.name,
        phase: "failed",
        reason,
        memoryBytes: 0,
        inFlight: 0,
        drainMs: 0,
        loadMs: 0,
      },
    ];
  }
}

function heldInstance(key: string, instance: Instance): HeldInstance[] {
  const { state, memoryBytes, usedAtMs, inFlight } = instance;
  if (state.phase === "gone") return [];
  const retryAtMs = state.phase === "failed" ? state.retryAtMs : 0;
  return [{ key, phase: state.phase, memoryBytes, usedAtMs, inFlight, retryAtMs }];
}

function instanceLine(instance: Instance): InstanceLine[] {
  const { state, spec, memoryBytes, inFlight } = instance;
  if (state.phase === "gone") return [];
  const reason = state.phase === "failed" ? state.reason : "";
  const drainMs = instance.readyEngine?.drainTimeMs() ?? 0;
  const loadMs = state.phase === "ready" ? state.loadMs : 0;
  return [{ variant: spec.name, phase: state.phase, reason, memoryBytes, inFlight, drainMs, loadMs }];
}

function describe(instance: Instance): object {
  const { state } = instance;
  if (state.phase === "ready") return { loadMs: Math.round(state.loadMs) };
  if (state.phase === "failed") return { reason: state.reason };
  return {};
}
