import { type ClusterService, HostState } from "@infaas/api";
import { RECORD_CALL_TIMEOUT_MS } from "@infaas/cluster";
import {
  freshMemory,
  notedNeeds,
  PLACEMENT_PRIORITY,
  type PlanBasis,
  type Policy,
  SCALING_DEFAULTS,
  type ScalingMemory,
  type ScalingOptions,
  type ScalingPlan,
} from "@infaas/policy";
import { type ClientOf, type Clock, every, type Logger, ServiceError, type Timer } from "@infaas/runtime";
import type { ClusterView, HostProviderMember } from "../view/cluster-view";
import type { DemandTable } from "../view/demand-table";
import { DrainWatch } from "./drain-watch";
import type { HostProvider } from "./host-provider/host-provider";
import { type PlacementChange, planOf } from "./placement-changes";
import type { PlacementWriter } from "./placement-writer";
import { planInSlices } from "./plan-in-slices";
import { isLoadWished, isOverdue, needsOf, scalingFacts } from "./scaling-facts";

export interface ScalingLoopOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly view: ClusterView;
  readonly table: DemandTable;
  readonly cluster: Pick<ClientOf<typeof ClusterService>, "setAccepting">;
  readonly placements: PlacementWriter;
  readonly hosts: HostProvider;
  readonly policy: Pick<Policy, "planDue" | "planScaling">;
  /** True while this frontend leads. */
  readonly isLeader: () => boolean;
  /** How long fewer hosts must have been enough before one goes. */
  readonly holdMs: number;
  /** Share of queries that should be answered in time. */
  readonly attainmentTarget: number;
  /** Most US dollars per hour of all hosts together; null: no bound. */
  readonly maxUsdPerHour: number | null;
  /** How often frontends tell what they are asked. */
  readonly periodMs: number;
}

/** What was changed, and why. */
export interface ScalingChange {
  readonly kind: "start" | "drain" | "cancel" | "remove" | "load" | "unload";
  readonly host: string;
  readonly because: string;
  readonly epochMs: number;
}

/** What the leader plans with, for operators. */
export interface ScalingState {
  readonly minHosts: number;
  readonly maxHosts: number;
  readonly wantedHosts: number;
  readonly summary: string;
  readonly holdMs: number;
}

/** At most so many rounds a second plan: four. */
const ROUND_PERIOD_MS = 250;
/** How often needs are noted that no plan is made for: bursts are told of for longer. */
const NOTE_PERIOD_MS = 1_000;
/** Oldest view on which hosts are changed. */
const VIEW_AGE_MAX_MS = 3_000;
/** How long no host is started after one could not be, although its provider tried several times. */
const START_REST_MS = 60_000;
const NONE_RETIRED: ReadonlySet<string> = new Set();
/** Latest changes that are told. */
const CHANGES_MAX = 32;

/** The leader's loop that has hosts and instances come and go with demand: it reads, has the policy plan, and writes. */
export class ScalingLoop {
  /** The latest changes, oldest first. */
  readonly changes: ScalingChange[] = [];
  private readonly counts = new Map<ScalingChange["kind"], number>();
  private readonly drains: DrainWatch;
  /** When hosts that could not be started were seen so, by name and time of their record. */
  private readonly failures = new Map<string, number>();
  private memory: ScalingMemory | null = null;
  private basis: PlanBasis | null = null;
  private planned: ScalingState | null = null;
  private notedMs = 0;
  private timer: Timer | null = null;
  private running: Promise<void> | null = null;

  constructor(private readonly o: ScalingLoopOptions) {
    this.drains = new DrainWatch(o.view);
    o.view.onChange(() => this.wished());
  }

  start(): void {
    const failed = (error: unknown) => this.o.logger.error("the scaling loop failed", { error });
    this.timer = every(this.o.clock, ROUND_PERIOD_MS, () => this.once(), failed);
  }

  stop(): void {
    this.timer?.cancel();
  }

  /** What was planned last; null while this frontend does not lead, or hosts do not come and go. */
  get state(): ScalingState | null {
    return this.planned;
  }

  /** The plan that stands; null while this frontend does not lead, or hosts do not come and go. */
  get plan(): ScalingPlan | null {
    return this.basis?.plan ?? null;
  }

  /** Variants that the plan does without; none where there is no plan. */
  get retired(): ReadonlySet<string> {
    return this.plan?.retired ?? NONE_RETIRED;
  }

  /** Whether the plan that stands retains this instance: then its priority is the plan's, and nobody else lowers it. */
  retains(variant: string, executor: string): boolean {
    return this.plan?.retained.get(executor)?.has(variant) === true;
  }

  /** Changes since the process began, by kind. */
  count(kind: ScalingChange["kind"]): number {
    return this.counts.get(kind) ?? 0;
  }

  /** A load that is needed where there is no host waits for no round. */
  private wished(): void {
    const { view, isLeader, logger } = this.o;
    if (this.basis?.plan.wantedHosts !== 0 || !isLeader() || !isLoadWished(view)) return;
    this.once().catch((error) => logger.error("the scaling loop failed", { error }));
  }

  /** One round at a time. */
  private once(): Promise<void> {
    this.running ??= this.round().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  private async round(): Promise<void> {
    const { view, clock, isLeader } = this.o;
    const provider = view.hostProvider;
    if (provider === null || !isLeader() || view.ageMs > VIEW_AGE_MAX_MS) {
      this.memory = null;
      this.basis = null;
      this.planned = null;
      return;
    }
    if (this.causeOf(clock.nowMs()) !== null) await this.makePlan(provider);
    if (view.freeze !== null) return;
    for (const { host, step } of this.drains.steps(clock.nowMs())) {
      if (step === "withdraw") await this.withdraw(host);
      if (step === "remove") await this.remove(host);
    }
  }

  /** Why a new plan is due; null: it is not. */
  private causeOf(nowMs: number): string | null {
    const { view, table, periodMs, clock } = this.o;
    const sources = { view, table, periodMs, nowMs, epochMs: clock.epochMs() };
    const structure = Number(view.revision);
    const needs = needsOf(sources);
    const isWished = isLoadWished(view);
    if (this.memory !== null && nowMs - this.notedMs >= NOTE_PERIOD_MS) {
      this.memory = notedNeeds(this.memory, needs, nowMs);
      this.notedMs = nowMs;
    }
    return this.o.policy.planDue(this.basis, {
      nowMs,
      structure,
      needs,
      isWished,
      isOverdue: () => isOverdue(sources),
    });
  }

  private async makePlan(provider: HostProviderMember): Promise<void> {
    const { view, table, clock, policy, isLeader, periodMs } = this.o;
    const options = this.options();
    const nowMs = clock.nowMs();
    const readRevision = view.revision;
    const starts = { startsRestUntilMs: this.startsRestUntilMs(nowMs), startTime: view.starts.time };
    const sources = { view, table, periodMs, nowMs, epochMs: clock.epochMs() };
    const facts = scalingFacts(provider, sources, starts);
    const before = this.memory ?? freshMemory(options, nowMs);
    const plan = await planInSlices(policy.planScaling(facts, before, options), clock);
    // While it was planned another may have been elected.
    if (!isLeader()) return;
    // What a frozen plan would have changed is not remembered as a change.
    const isFrozen = view.freeze !== null;
    this.memory = isFrozen && plan.changes.length > 0 ? before : plan.memory;
    this.basis = { plan, atMs: nowMs, structure: Number(readRevision) };
    const { minHosts, maxHosts } = facts.pool;
    const { wantedHosts, summary } = plan;
    this.planned = { minHosts, maxHosts, wantedHosts, summary, holdMs: plan.memory.holdMs };
    if (!isFrozen) await this.carryOut(plan, readRevision);
  }

  private options(): ScalingOptions {
    const { holdMs, attainmentTarget, maxUsdPerHour } = this.o;
    return { ...SCALING_DEFAULTS, holdMs, attainmentTarget, maxUsdPerHour };
  }

  private async carryOut(plan: ScalingPlan, readRevision: bigint): Promise<void> {
    const { changes, placements, unloads } = plan;
    const { hosts } = this.o;
    for (const { kind, host, because } of changes) {
      const act = { start: hosts.ensure, drain: hosts.drain, cancel: hosts.remove }[kind];
      await this.change({ kind, host, because }, () => act.call(hosts, host, because));
    }
    const places = placements.map(({ variant, executor, because }): PlacementChange => {
      const priority = PLACEMENT_PRIORITY.serving;
      const entry = { variant, reason: "autoscaler", plan: because, priority, anew: true } as const;
      return { kind: "place", executor, entry };
    });
    const drops = unloads.map(({ variant, executor }): PlacementChange => {
      return { kind: "drop", executor, variant, readRevision };
    });
    if (!(await this.place([...places, ...drops], plan))) return;
    for (const { variant, executor, because } of placements)
      this.note({ kind: "load", host: executor, because: `${variant}: ${because}` });
    for (const { variant, executor, because } of unloads)
      this.note({ kind: "unload", host: executor, because: `${variant}: ${because}` });
  }

  /** Changes what executors should hold, all at once; what was unloaded by an operator meanwhile is left out. */
  private async place(changes: readonly PlacementChange[], plan: ScalingPlan): Promise<boolean> {
    const { view, placements, logger } = this.o;
    if (changes.length + raises(view, plan).length === 0) return false;
    // An operator unloaded it, or a load that was asked for was answered, since it was planned.
    const isPast = (change: PlacementChange) =>
      change.kind === "place" &&
      (view.catalog.withheld.has(change.entry.variant) ||
        view.placementOf(change.executor).some(({ variant }) => variant === change.entry.variant));
    try {
      await placements.revise(() =>
        planOf(view, [...changes.filter((change) => !isPast(change)), ...raises(view, plan)]),
      );
      return true;
    } catch (error) {
      logger.warn("placements not changed", { changes, error: ServiceError.from(error).message });
      return false;
    }
  }

  private async withdraw(executor: string): Promise<void> {
    const { cluster, logger } = this.o;
    try {
      await cluster.setAccepting({ executor, accepting: false }, { timeoutMs: RECORD_CALL_TIMEOUT_MS });
    } catch (error) {
      logger.warn("executor not taken out of service", { executor, error: ServiceError.from(error).message });
    }
  }

  private async remove(host: string): Promise<void> {
    const because = "it has answered all that it held";
    const isRemoved = await this.change({ kind: "remove", host, because }, () =>
      this.o.hosts.remove(host, because),
    );
    if (!isRemoved) return;
    try {
      await this.o.placements.revise(() => [{ executor: host, entries: [] }]);
    } catch (error) {
      this.o.logger.warn("placement not dropped", { host, error: ServiceError.from(error).message });
    }
  }

  /** Makes one change; one that was not recorded is logged, and planned again in the next round. */
  private async change(what: Omit<ScalingChange, "epochMs">, act: () => Promise<void>): Promise<boolean> {
    const { kind, host } = what;
    try {
      await act();
    } catch (error) {
      this.o.logger.warn("host not changed", { kind, host, error: ServiceError.from(error).message });
      return false;
    }
    this.note(what);
    return true;
  }

  private note(what: Omit<ScalingChange, "epochMs">): void {
    this.counts.set(what.kind, this.count(what.kind) + 1);
    this.changes.push({ ...what, epochMs: this.o.clock.epochMs() });
    this.changes.splice(0, Math.max(0, this.changes.length - CHANGES_MAX));
    this.o.logger.info(`host ${what.kind}`, { host: what.host, because: what.because });
  }

  /** The end of the rest after the newest failure of a start; null: none failed lately. */
  private startsRestUntilMs(nowMs: number): number | null {
    const failed = this.o.view.hosts.filter((h) => h.state === HostState.GONE && h.fault !== "");
    const keys = new Set(failed.map((h) => `${h.name} ${h.changedEpochMs}`));
    for (const key of this.failures.keys()) if (!keys.has(key)) this.failures.delete(key);
    for (const key of keys) if (!this.failures.has(key)) this.failures.set(key, nowMs);
    return this.failures.size === 0 ? null : Math.max(...this.failures.values()) + START_REST_MS;
  }
}

/** Priorities of what the plan retains and a query could evict; what has more, such as what an operator loaded, has it on. */
function raises(view: ClusterView, { retained }: ScalingPlan): readonly PlacementChange[] {
  const priority = PLACEMENT_PRIORITY.serving;
  return [...retained].flatMap(([executor, variants]) =>
    view
      .placementOf(executor)
      .filter((entry) => variants.has(entry.variant) && entry.priority < priority)
      .map(({ variant }): PlacementChange => ({ kind: "rank", executor, variant, priority })),
  );
}
