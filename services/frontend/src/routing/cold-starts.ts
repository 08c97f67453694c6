import { type ClusterService, InstancePhase } from "@infaas/api";
import { RECORD_CALL_TIMEOUT_MS } from "@infaas/cluster";
import { type ClientOf, type Clock, Code, type Logger, ServiceError, type Timer } from "@infaas/runtime";
import type { ClusterView } from "../view/cluster-view";
import { planAnew } from "../view/plan-anew";
import { ViewChanges } from "../view/view-changes";

/** What cold starts need. */
export interface ColdStartOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly view: ClusterView;
  readonly cluster: ClientOf<typeof ClusterService>;
  /** Queries that may wait at once. */
  readonly waitersMax: number;
  /** Longest wait of one query. */
  readonly waitMaxMs: number;
}

/** A wait that can be given up. */
export interface ColdWait {
  cancel(): void;
}

interface Waiter {
  readonly settle: (fault: ServiceError | null) => void;
  readonly timer: Timer;
}

/** Queries that wait for an instance to be loaded: one placement request per instance, a bounded number of waiters. */
export class ColdStarts {
  private readonly waiters = new Map<string, Set<Waiter>>();
  private readonly requested = new Set<string>();
  private waiting = 0;

  private readonly changes: ViewChanges;

  constructor(private readonly o: ColdStartOptions) {
    this.changes = new ViewChanges(o.view, o.clock);
    o.view.onStructure(() => this.look());
  }

  /** Queries waiting now. */
  get count(): number {
    return this.waiting;
  }

  /** Wants the instance; calls `settled` with null once it is ready, else with the fault. */
  wait(
    variant: string,
    executor: string,
    maxMs: number,
    settled: (fault: ServiceError | null) => void,
  ): ColdWait {
    if (this.waiting >= this.o.waitersMax) {
      const message = `${this.waiting} queries wait for loads already, at most ${this.o.waitersMax} may; try again later`;
      settled(new ServiceError(Code.RESOURCE_EXHAUSTED, message));
      return { cancel: () => undefined };
    }
    const key = keyOf(variant, executor);
    const limitMs = Math.min(maxMs, this.o.waitMaxMs);
    const late = `${variant} was not loaded on ${executor} within ${Math.round(limitMs)} ms`;
    const waiter: Waiter = {
      settle: (fault) => {
        if (this.remove(key, waiter)) settled(fault);
      },
      timer: this.o.clock.setTimer(limitMs, () =>
        waiter.settle(new ServiceError(Code.DEADLINE_EXCEEDED, late)),
      ),
    };
    const waiters = this.waiters.get(key) ?? new Set();
    this.waiters.set(key, waiters.add(waiter));
    this.waiting++;
    void this.request(variant, executor, key);
    return { cancel: () => void this.remove(key, waiter) };
  }

  /** Wants the instance without anybody waiting for it. */
  start(variant: string, executor: string): void {
    void this.request(variant, executor, keyOf(variant, executor));
  }

  private remove(key: string, waiter: Waiter): boolean {
    const waiters = this.waiters.get(key);
    if (waiters === undefined || !waiters.delete(waiter)) return false;
    waiter.timer.cancel();
    this.waiting--;
    if (waiters.size === 0) this.waiters.delete(key);
    return true;
  }

  private async request(variant: string, executor: string, key: string): Promise<void> {
    if (this.requested.has(key)) return;
    this.requested.add(key);
    try {
      const placement = { executor, variant, reason: "query" };
      await planAnew({ view: this.o.view, changes: this.changes }, async (readRevision) => {
        this.expectServable(variant);
        const asked = { placement, wanted: true, readRevision };
        await this.o.cluster.setPlacement(asked, { timeoutMs: RECORD_CALL_TIMEOUT_MS });
      });
    } catch (error) {
      const fault = ServiceError.from(error);
      this.o.logger.warn("placement not recorded", { variant, executor, error: fault.message });
      const message = `${variant} is not loaded and cannot be now: metadata says: ${fault.message}`;
      this.settle(key, new ServiceError(Code.UNAVAILABLE, message, { cause: fault }));
    } finally {
      this.requested.delete(key);
    }
  }

  /** An operator may have unloaded it since it was chosen. */
  private expectServable(variant: string): void {
    const { catalog } = this.o.view;
    if (catalog.policy.variants.has(variant) && !catalog.withheld.has(variant)) return;
    throw new ServiceError(Code.UNAVAILABLE, `${variant} was unloaded`);
  }

  /** Something changed in the cluster: who waits for it? */
  private look(): void {
    for (const key of [...this.waiters.keys()]) {
      const [variant, executor] = parseKey(key);
      if (this.o.view.instance(variant, executor) !== undefined) {
        this.settle(key, null);
        continue;
      }
      const status = this.o.view.status(variant, executor);
      if (this.o.view.executors.get(executor)?.isLeaving !== false) {
        this.settle(
          key,
          new ServiceError(Code.UNAVAILABLE, `executor ${executor} left while loading ${variant}`),
        );
      } else if (status?.phase === InstancePhase.FAILED) {
        this.settle(
          key,
          new ServiceError(Code.UNAVAILABLE, `${variant} failed to load on ${executor}: ${status.reason}`),
        );
      }
    }
  }

  private settle(key: string, fault: ServiceError | null): void {
    for (const waiter of [...(this.waiters.get(key) ?? [])]) waiter.settle(fault);
  }
}

function keyOf(variant: string, executor: string): string {
  return `${variant}\n${executor}`;
}

function parseKey(key: string): readonly [variant: string, executor: string] {
  const [variant = "", executor = ""] = key.split("\n");
  return [variant, executor];
}
