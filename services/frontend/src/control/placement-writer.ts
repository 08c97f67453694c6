import { type ClusterService, PLANNED_AT_ONCE_MAX } from "@infaas/api";
import { RECORD_CALL_TIMEOUT_MS } from "@infaas/cluster";
import { type ClientOf, type Clock, Code, ServiceError } from "@infaas/runtime";
import type { ClusterView } from "../view/cluster-view";
import { planAnew, TOLD_MAX_MS } from "../view/plan-anew";
import { ViewChanges } from "../view/view-changes";

/** An instance that an executor should hold. */
export interface PlannedEntry {
  readonly variant: string;
  /** Who wants it. */
  readonly reason: "registration" | "query" | "autoscaler" | "operator";
  /** Why, as a sentence with figures; at most 1,000 characters. */
  readonly plan: string;
  /** Where memory is short, what has less gives way to what has more; 0 to 1,000, see `PLACEMENT_PRIORITY`. */
  readonly priority: number;
  /** True: an executor that gave it up for want of memory loads it again. Default false. */
  readonly anew?: boolean;
}

/** All that one executor should hold. */
export interface ExecutorPlan {
  readonly executor: string;
  /** Each variant once; none: it should hold nothing. */
  readonly entries: readonly PlannedEntry[];
}

/** What a plan was made by. */
export interface PlanBasis {
  /** Term of the leader that planned. */
  readonly term: bigint;
  /** Revision of the view that it planned by. */
  readonly readRevision: bigint;
}

/** The leader's way to write what executors should hold. */
export interface PlacementWriter {
  /**
   * Replaces all that these executors should hold, at once; those of others stay. Resolves when the view shows it. Throws
   * ABORTED when one of them, or a variant that is new on one, changed after `readRevision`, FAILED_PRECONDITION when that term
   * leads no more.
   */
  write(plan: readonly ExecutorPlan[], basis: PlanBasis): Promise<void>;
  /**
   * Plans by the view and writes under the term that this frontend leads in, one plan after the other; after ABORTED it is planned
   * anew. An empty plan writes nothing. Throws FAILED_PRECONDITION when this frontend does not lead.
   */
  revise(decide: () => readonly ExecutorPlan[]): Promise<void>;
}

export interface RecordedPlacementsOptions {
  readonly clock: Clock;
  readonly view: ClusterView;
  readonly cluster: Pick<ClientOf<typeof ClusterService>, "setPlacements">;
  /** Term that this frontend leads in; null while it does not. */
  readonly term: () => bigint | null;
}

/** Placements as records in metadata. */
export class RecordedPlacements implements PlacementWriter {
  private readonly changes: ViewChanges;
  private last: Promise<unknown> = Promise.resolve();

  constructor(private readonly o: RecordedPlacementsOptions) {
    this.changes = new ViewChanges(o.view, o.clock);
  }

  async write(plan: readonly ExecutorPlan[], { term, readRevision }: PlanBasis): Promise<void> {
    const { view, cluster } = this.o;
    for (let from = 0; from < plan.length; from += PLANNED_AT_ONCE_MAX) {
      const placements = plan.slice(from, from + PLANNED_AT_ONCE_MAX).map(({ executor, entries }) => {
        const held = new Map(view.placementOf(executor).map((entry) => [entry.variant, entry.generation]));
        const variants = entries.map(({ anew = false, ...entry }) => ({
          ...entry,
          generation: (anew ? undefined : held.get(entry.variant)) ?? readRevision + 1n,
        }));
        return { executor, variants };
      });
      const asked = { placements, term, readRevision };
      const { revision } = await cluster.setPlacements(asked, { timeoutMs: RECORD_CALL_TIMEOUT_MS });
      const late = `metadata did not tell in time of the placements of revision ${revision}`;
      await this.changes.until(
        (now) => now.revision >= revision,
        TOLD_MAX_MS,
        new ServiceError(Code.UNAVAILABLE, late),
      );
    }
  }

  revise(decide: () => readonly ExecutorPlan[]): Promise<void> {
    const outcome = this.last.then(() =>
      planAnew({ view: this.o.view, changes: this.changes }, async (readRevision) => {
        const term = this.o.term();
        if (term === null)
          throw new ServiceError(Code.FAILED_PRECONDITION, "placements: this frontend does not lead");
        await this.write(decide(), { term, readRevision });
      }),
    );
    this.last = outcome.catch(() => undefined);
    return outcome;
  }
}
