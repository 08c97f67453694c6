import { InstancePhase } from "@infaas/api";
import { type Clock, Code, ServiceError, type Timer } from "@infaas/runtime";
import type { ClusterView } from "../view/cluster-view";
import { expectedHost } from "../view/expected-host";
import type { NeededLoad } from "../view/load-answer";
import type { LoadRequests, OpenRequest } from "./load-requests";

/** What cold starts need. */
export interface ColdStartOptions {
  readonly clock: Clock;
  readonly view: ClusterView;
  readonly requests: Pick<LoadRequests, "ask">;
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

/** Queries that wait for the same load. */
interface Wait {
  readonly load: NeededLoad;
  /** Revision of the view when the first of them began to wait. */
  readonly sinceRevision: bigint;
  readonly waiters: Set<Waiter>;
  request: OpenRequest | null;
}

/** Queries that wait for an instance to be loaded: one request per load, a bounded number of waiters. */
export class ColdStarts {
  private readonly waits = new Map<string, Wait>();
  /** Loads that nobody waits for and that are not placed yet. */
  private readonly started = new Set<string>();
  private waiting = 0;

  constructor(private readonly o: ColdStartOptions) {
    o.view.onChange(() => this.look());
  }

  /** Queries waiting now. */
  get count(): number {
    return this.waiting;
  }

  /**
   * Needs an instance of the variant, which would be loaded on that executor; calls `settled` with null once one is ready that
   * was not before, else with the fault.
   */
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
    const late = `${variant} was not loaded within ${Math.round(limitMs)} ms`;
    const waiter: Waiter = {
      settle: (fault) => {
        if (this.remove(key, waiter)) settled(fault);
      },
      timer: this.o.clock.setTimer(limitMs, () =>
        waiter.settle(new ServiceError(Code.DEADLINE_EXCEEDED, late)),
      ),
    };
    this.waiting++;
    const known = this.waits.get(key);
    if (known === undefined) this.begin(key, this.needed(variant, executor), waiter);
    else known.waiters.add(waiter);
    return { cancel: () => void this.remove(key, waiter) };
  }

  /** Needs the instance without anybody waiting for it; again only once that is answered. */
  start(variant: string, executor: string): void {
    const key = keyOf(variant, executor);
    if (this.started.has(key) || this.waits.has(key)) return;
    this.started.add(key);
    this.o.requests.ask(this.needed(variant, executor), () => this.started.delete(key));
  }

  private begin(key: string, load: NeededLoad, waiter: Waiter): void {
    const { revision: sinceRevision } = this.o.view;
    const wait: Wait = { load, sinceRevision, waiters: new Set([waiter]), request: null };
    this.waits.set(key, wait);
    const refused = (fault: ServiceError | null) => {
      if (fault !== null) this.settle(wait, fault);
    };
    wait.request = this.o.requests.ask(load, refused, { stays: true });
    if (wait.waiters.size === 0) wait.request.withdraw();
  }

  /** Instances that serve already are not what is waited for: they are full, or have just lost the query. */
  private needed(variant: string, executor: string): NeededLoad {
    const serving = this.o.view.instances.filter((i) => i.variant === variant).map((i) => i.executor);
    return { variant, executor, reason: "query", except: serving.filter((name) => name !== executor) };
  }

  private remove(key: string, waiter: Waiter): boolean {
    const wait = this.waits.get(key);
    if (wait === undefined || !wait.waiters.delete(waiter)) return false;
    waiter.timer.cancel();
    this.waiting--;
    if (wait.waiters.size === 0) {
      this.waits.delete(key);
      wait.request?.withdraw();
    }
    return true;
  }

  /** Something changed in the cluster: which loads have ended? */
  private look(): void {
    for (const wait of [...this.waits.values()]) {
      const end = this.endOf(wait);
      if (end !== "waits") this.settle(wait, end);
    }
  }

  private endOf({ load, sinceRevision }: Wait): ServiceError | null | "waits" {
    const { view } = this.o;
    const { variant, executor, except } = load;
    const isUnloaded = view.catalog.withheld.has(variant) || !view.catalog.policy.variants.has(variant);
    if (isUnloaded) return new ServiceError(Code.UNAVAILABLE, `${variant} was unloaded`);
    const placed = view.placedOn(variant).filter((p) => !except.includes(p.executor));
    for (const name of [executor, ...placed.map((p) => p.executor)])
      if (view.instance(variant, name) !== undefined) return null;
    const hasLeft = view.executors.get(executor)?.isLeaving !== false;
    if (hasLeft && ![...view.executors.values()].some((e) => e.accepting) && expectedHost(view) === null)
      return new ServiceError(Code.UNAVAILABLE, `executor ${executor} left while loading ${variant}`);
    const failures = placed.flatMap((p) => {
      const status = view.status(variant, p.executor);
      if (status?.phase !== InstancePhase.FAILED) return [];
      // Memory may have been short before it was wanted anew.
      const isNews = p.generation > sinceRevision && status.generation >= p.generation;
      return !status.lacksMemory || isNews ? [`${p.executor}: ${status.reason}`] : [];
    });
    if (failures.length === 0 || failures.length < placed.length) return "waits";
    return new ServiceError(Code.UNAVAILABLE, `${variant} failed to load on ${failures.join("; ")}`);
  }

  private settle({ waiters }: Wait, fault: ServiceError | null): void {
    for (const waiter of [...waiters]) waiter.settle(fault);
  }
}

function keyOf(variant: string, executor: string): string {
  return `${variant}\n${executor}`;
}
