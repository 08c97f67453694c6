import { PLACEMENT_PRIORITY, type RankedInstance, type RankMemory, rankPlacements } from "@infaas/policy";
import { type Clock, every, type Logger, ServiceError, type Timer } from "@infaas/runtime";
import type { ClusterView } from "../view/cluster-view";
import { figureAgeMaxMs } from "../view/figure-age";
import type { HostProvider } from "./host-provider/host-provider";
import { LoadAnswers } from "./load-answers";
import { type PlacementChange, planOf } from "./placement-changes";
import { PlacementRepair, type Repairs } from "./placement-repair";
import type { ExecutorPlan, PlacementWriter } from "./placement-writer";

/** The plan of this leader, where it makes plans. */
export interface StandingPlan {
  /** Variants that it does without. */
  readonly retired: ReadonlySet<string>;
  /** Whether it retains this instance: then its priority is the plan's. */
  retains(variant: string, executor: string): boolean;
}

export interface LeaderLoopOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly view: ClusterView;
  readonly placements: PlacementWriter;
  readonly hosts: HostProvider;
  readonly plan: StandingPlan;
  /** True while this frontend leads. */
  readonly isLeader: () => boolean;
  /** How often executors tell what they answer. */
  readonly periodMs: number;
}

const PERIOD_MS = 2_000;
/** Oldest view on which placements are changed. */
const VIEW_AGE_MAX_MS = 3_000;

/** The leader's loop: it answers the loads that frontends need at once, and repairs what executors should hold each period. */
export class LeaderLoop {
  private readonly repair = new PlacementRepair();
  private readonly answers = new LoadAnswers();
  private ranks: RankMemory = new Map();
  private answering: Promise<void> | null = null;
  private due = false;
  private timer: Timer | null = null;

  constructor(private readonly o: LeaderLoopOptions) {
    o.view.onChange(() => this.answerSoon());
  }

  start(): void {
    const failed = (error: unknown) => this.o.logger.error("the leader's loop failed", { error });
    this.timer = every(this.o.clock, PERIOD_MS, () => this.round(), failed);
  }

  stop(): void {
    this.timer?.cancel();
  }

  /** Answers what frontends need now, where this one leads. */
  answerSoon(): void {
    if (!this.mayPlan() || isEmpty(this.o.view.loadRequests)) return;
    this.due = true;
    this.answering ??= this.answerAll().finally(() => {
      this.answering = null;
    });
  }

  /** While plans are frozen it changes nothing: neither loads that queries need nor repairs nor priorities. */
  private mayPlan(): boolean {
    const { isLeader, view } = this.o;
    return isLeader() && view.freeze === null && view.ageMs <= VIEW_AGE_MAX_MS;
  }

  private async answerAll(): Promise<void> {
    while (this.due) {
      this.due = false;
      await this.answer();
    }
  }

  private async answer(): Promise<void> {
    const { view, clock, placements, logger } = this.o;
    let changes: readonly PlacementChange[] = [];
    try {
      await placements.revise(() => {
        changes = this.answers.plan(view, clock.nowMs());
        return planOf(view, changes);
      });
      this.answers.written(changes, clock.nowMs());
      if (changes.length > 0) logger.info("loads answered", { placements: changes.map(briefly) });
    } catch (error) {
      logger.warn("loads not answered", {
        placements: changes.map(briefly),
        error: ServiceError.from(error).message,
      });
    }
  }

  private async round(): Promise<void> {
    const { view, clock } = this.o;
    if (!this.mayPlan()) {
      this.ranks = new Map();
      return this.repair.forget();
    }
    this.answerSoon();
    await this.rank();
    const { catalog, placements, placedExecutors: recorded } = view;
    const executors = [...view.executors.values()];
    const facts = { catalog, placements, recorded, executors, retired: this.o.plan.retired };
    const plan = this.repair.plan({ ...facts, nowMs: clock.nowMs() });
    this.tellUnplaced(plan.leftOut.filter((v) => v.reason !== "dominated"));
    if (plan.wanted.length + plan.dropped.length > 0) await this.carryOut(plan);
  }

  /** What is answered is worth more than what is not: executors evict by it. */
  private async rank(): Promise<void> {
    const { view, clock, placements, plan, logger } = this.o;
    const { ranks, memory } = rankPlacements(this.ranked(), this.ranks, clock.nowMs());
    this.ranks = memory;
    if (ranks.length === 0) return;
    try {
      await placements.revise(() =>
        planOf(
          view,
          // A plan may have been made since.
          ranks.flatMap((rank) =>
            plan.retains(rank.variant, rank.executor) ? [] : { kind: "rank", ...rank },
          ),
        ),
      );
    } catch (error) {
      logger.warn("priorities not changed", { ranks, error: ServiceError.from(error).message });
    }
  }

  private ranked(): readonly RankedInstance[] {
    const { view, clock, plan, periodMs } = this.o;
    const oldestMs = clock.nowMs() - figureAgeMaxMs(periodMs);
    return [...view.placements].flatMap(({ variant, executor, priority }) => {
      const instance = view.instance(variant, executor);
      if (instance === undefined) return [];
      const isKnown = instance.exportedAtMs !== null && instance.exportedAtMs >= oldestMs;
      const servedPerSecond = isKnown ? instance.servedPerSecond : null;
      const isRetained = plan.retains(variant, executor);
      return [{ variant, executor, priority, servedPerSecond, isRetained }];
    });
  }

  private async carryOut({ wanted, dropped }: Repairs): Promise<void> {
    const { view, placements, logger } = this.o;
    const priority = PLACEMENT_PRIORITY.standby;
    const plan = "no executor that takes work was to hold any variant of its architecture";
    try {
      await placements.revise(() => {
        const places = wanted
          .filter(({ variant }) => !view.catalog.withheld.has(variant))
          .map(({ variant, executor }): PlacementChange => {
            const entry = { variant, reason: "registration", plan, priority, anew: true } as const;
            return { kind: "place", executor, entry };
          });
        const gone = dropped.filter((name) => !view.executors.has(name));
        return [
          ...planOf(view, places),
          ...gone.map((executor): ExecutorPlan => ({ executor, entries: [] })),
        ];
      });
      if (wanted.length > 0) logger.info("placed anew", { placements: wanted });
      if (dropped.length > 0) logger.info("placements dropped: their executors left", { executors: dropped });
    } catch (error) {
      logger.warn("placements not repaired", { wanted, dropped, error: ServiceError.from(error).message });
    }
  }

  /** Logs instances that no host has room for, with the hosts there are and whether there could be more. */
  private tellUnplaced(variants: readonly { readonly variant: string; readonly reason: string }[]): void {
    if (variants.length > 0)
      this.o.logger.warn("no host has room", { variants, pools: this.o.hosts.pools() });
  }
}

function isEmpty(things: Iterable<unknown>): boolean {
  for (const _ of things) return false;
  return true;
}

function briefly(change: PlacementChange) {
  const variant = change.kind === "place" ? change.entry.variant : change.variant;
  return { variant, executor: change.executor };
}
