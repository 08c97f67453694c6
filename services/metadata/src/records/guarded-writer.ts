import { Code, ServiceError } from "@infaas/runtime";
import type { Compare, MetadataStore, StoreWrite } from "../store/store";
import { guardKey } from "./keys";
import type { RecordView } from "./record-view";
import type { WatchHub } from "./watch-hub";

/** What a guarded change wants written, and what to answer once it is; no writes = nothing to do. */
export interface GuardedPlan<T> {
  readonly writes: readonly StoreWrite[];
  /** What else must hold when it is written; the plan is made anew while it does not. */
  readonly compares?: readonly Compare[];
  readonly result: T;
}

/** Other metadata processes may write between plan and commit; each time we plan anew, this often. */
const ATTEMPTS_MAX = 16;
/** Changes that may wait for the one that runs; a store that is away must not gather them without end. */
export const WRITES_WAITING_MAX = 256;

/**
 * Changes registry and will as a whole: plans against the view, commits only if no other guarded change came
 * between (the guard key is compared and rewritten), else plans anew. In this process one change runs at a
 * time.
 */
export class GuardedWriter {
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(
    private readonly store: MetadataStore,
    private readonly hub: WatchHub,
  ) {}

  /**
   * Resolves when the view shows the change. What `plan` throws is thrown; ABORTED when others keep getting
   * between, RESOURCE_EXHAUSTED when too many wait.
   */
  write<T>(
    plan: (view: RecordView) => GuardedPlan<T> | Promise<GuardedPlan<T>>,
  ): Promise<{ result: T; revision: bigint }> {
    if (this.waiting >= WRITES_WAITING_MAX) {
      const both = `${this.waiting} changes wait to be written, ${WRITES_WAITING_MAX} allowed; try again`;
      return Promise.reject(new ServiceError(Code.RESOURCE_EXHAUSTED, both));
    }
    this.waiting++;
    const outcome = this.last.then(() => this.attempt(plan));
    const settled = () => {
      this.waiting--;
    };
    this.last = outcome.then(settled, settled);
    return outcome;
  }

  private async attempt<T>(plan: (view: RecordView) => GuardedPlan<T> | Promise<GuardedPlan<T>>) {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const { guardRevision } = this.hub.view;
      const { writes, compares = [], result } = await plan(this.hub.view);
      if (writes.length === 0) return { result, revision: this.hub.view.revision };
      const guard = { kind: "put", key: guardKey, value: Buffer.from("guard"), leaseId: null } as const;
      const outcome = await this.store.transaction({
        compares: [{ key: guardKey, revision: guardRevision }, ...compares],
        writes: [...writes, guard],
      });
      if (outcome.kind === "committed") {
        await this.hub.reached(outcome.revision);
        return { result, revision: outcome.revision };
      }
      const current = await this.store.get(guardKey);
      await this.hub.reached(current?.revision ?? 0n);
    }
    throw new ServiceError(
      Code.ABORTED,
      `others changed the registry between each of ${ATTEMPTS_MAX} attempts; try again`,
    );
  }
}
