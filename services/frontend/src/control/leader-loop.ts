import type { ClusterService } from "@infaas/api";
import { RECORD_CALL_TIMEOUT_MS } from "@infaas/cluster";
import { type ClientOf, type Clock, every, type Logger, ServiceError, type Timer } from "@infaas/runtime";
import type { ClusterView } from "../view/cluster-view";
import type { HostProvider } from "./host-provider/host-provider";
import { wantInstances } from "./initial-placement";
import { PlacementRepair } from "./placement-repair";

export interface LeaderLoopOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly view: ClusterView;
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly hosts: HostProvider;
  /** Variants that the plan of this leader does without. */
  readonly retired: () => ReadonlySet<string>;
  /** True while this frontend leads. */
  readonly isLeader: () => boolean;
}

const PERIOD_MS = 2_000;
/** Oldest view on which placements are changed. */
const VIEW_AGE_MAX_MS = 3_000;

/** The leader's loop, which alone changes desired placement. */
export class LeaderLoop {
  private readonly repair = new PlacementRepair();
  private timer: Timer | null = null;

  constructor(private readonly o: LeaderLoopOptions) {}

  start(): void {
    const failed = (error: unknown) => this.o.logger.error("the leader's loop failed", { error });
    this.timer = every(this.o.clock, PERIOD_MS, () => this.round(), failed);
  }

  stop(): void {
    this.timer?.cancel();
  }

  private async round(): Promise<void> {
    const { view, clock, isLeader } = this.o;
    if (!isLeader() || view.ageMs > VIEW_AGE_MAX_MS) return this.repair.forget();
    const { catalog, placements, revision } = view;
    const executors = [...view.executors.values()];
    const facts = { catalog, placements, executors, retired: this.o.retired(), nowMs: clock.nowMs() };
    const plan = this.repair.plan(facts);
    if (plan.wanted.length > 0) this.o.logger.info("placed anew", { placements: plan.wanted });
    this.tellUnplaced(plan.leftOut.filter((v) => v.reason !== "dominated"));
    await wantInstances(this.o, plan.wanted, { reason: "registration", readRevision: revision });
    for (const { variant, executor } of plan.dropped) await this.drop(variant, executor, revision);
  }

  /** Logs instances that no host has room for, with the hosts there are and whether there could be more. */
  private tellUnplaced(variants: readonly { readonly variant: string; readonly reason: string }[]): void {
    if (variants.length > 0)
      this.o.logger.warn("no host has room", { variants, pools: this.o.hosts.pools() });
  }

  /** A placement that changed since it was seen stays: the next round sees it as it is. */
  private async drop(variant: string, executor: string, readRevision: bigint): Promise<void> {
    const { cluster, logger } = this.o;
    try {
      await cluster.setPlacement(
        { placement: { variant, executor }, wanted: false, readRevision },
        { timeoutMs: RECORD_CALL_TIMEOUT_MS },
      );
      logger.info("placement dropped: its executor left", { variant, executor });
    } catch (error) {
      logger.warn("placement not dropped", { variant, executor, error: ServiceError.from(error).message });
    }
  }
}
