import { LANE_ALONE } from "@infaas/api";
import type { ExecutorCore, StageTimes } from "@infaas/executor";
import type { Body, ExecutorLink, LinkListener, LinkOptions, LinkQuery } from "@infaas/frontend";
import { DynamicShares } from "@infaas/policy";
import { type Clock, Code, ServiceError } from "@infaas/runtime";
import { VirtualEngine } from "./virtual-engines";

/** A request of which only the number of rows counts. */
export class RowsBody implements Body {
  readonly byteLength = 0;

  constructor(readonly rows: number) {}

  bytes(): Uint8Array {
    return NO_BYTES;
  }
}

const NO_BYTES = new Uint8Array();

/** One query between its sending and its answer. */
interface Pending {
  readonly listener: LinkListener;
  /** What takes it out of the queue it waits in; null: it waits in none. */
  withdraw: (() => void) | null;
}

/** The process at the other end. */
export interface LinkPeer {
  readonly name: string;
  readonly alive: boolean;
  readonly core: Pick<ExecutorCore, "executor" | "figures" | "reporter">;
  /** Links to it, which are told when it ends. */
  readonly links: Set<{ broke(): void }>;
}

export interface LinkWorld {
  readonly clock: Clock;
  /** Time between frontend and executor, each way. */
  readonly hopMs: number;
}

/** A link to an executor of the same process: each way takes a stated virtual time. */
export class VirtualLink implements ExecutorLink {
  up = false;
  readonly shares: DynamicShares;
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private closed = false;

  constructor(
    private readonly peer: LinkPeer,
    private readonly world: LinkWorld,
    private readonly o: LinkOptions,
  ) {
    this.shares = new DynamicShares(o.inFlightMax);
    peer.links.add(this);
    world.clock.setTimer(world.hopMs, () => {
      if (this.closed || !peer.alive) return;
      this.up = true;
      o.events.changed(true);
    });
  }

  get inFlight(): number {
    return this.pending.size;
  }

  hasRoom(tenant: string): boolean {
    return this.shares.mayTake(tenant, this.pending.size);
  }

  send(query: LinkQuery, listener: LinkListener): number {
    const id = this.nextId++;
    const pending: Pending = { listener, withdraw: null };
    this.pending.set(id, pending);
    this.after(() => this.arrive(id, query, pending));
    return id;
  }

  cancel(id: number): void {
    const pending = this.pending.get(id);
    this.pending.delete(id);
    pending?.withdraw?.();
  }

  close(fault: ServiceError): void {
    this.closed = true;
    this.up = false;
    this.peer.links.delete(this);
    this.lose(fault);
  }

  /** The process at the other end has ended: whoever waits for it sees the connection break. */
  broke(): void {
    if (this.closed) return;
    const wasUp = this.up;
    this.up = false;
    this.lose(new ServiceError(Code.UNAVAILABLE, `executor ${this.peer.name} was lost`));
    if (wasUp) this.o.events.changed(false);
  }

  private lose(fault: ServiceError): void {
    const lost = [...this.pending.values()];
    this.pending.clear();
    for (const { listener, withdraw } of lost) {
      withdraw?.();
      listener.lost(fault);
    }
  }

  /** At the executor, as its native links do it: a query that can be run enters the engine without another promise. */
  private arrive(id: number, { variant, timeoutMs, lane, body }: LinkQuery, pending: Pending): void {
    if (this.pending.get(id) !== pending) return;
    const { clock } = this.world;
    const { executor, figures } = this.peer.core;
    const receivedMs = clock.nowMs();
    const instance = executor.instance(variant);
    const engine = instance?.readyEngine;
    if ((lane & LANE_ALONE) !== 0 || !(body instanceof RowsBody)) {
      this.refuse(id, variant, new ServiceError(Code.UNIMPLEMENTED, "a batch of one is not simulated"));
    } else if (!(engine instanceof VirtualEngine)) {
      if (instance !== undefined) figures.refused(variant);
      this.refuse(id, variant, instance?.unavailable() ?? gone(executor.name, variant));
    } else {
      const engineId = engine.ask(body.rows, lane, timeoutMs > 0 ? timeoutMs : null, {
        answered: (times) => this.answer(id, variant, times, receivedMs),
        refused: (fault) => this.refuse(id, variant, fault),
      });
      pending.withdraw = () => engine.cancel(engineId);
    }
  }

  private answer(id: number, variant: string, times: StageTimes, receivedMs: number): void {
    const pending = this.pending.get(id);
    if (pending === undefined) return;
    const { executor, reporter } = this.peer.core;
    const load = reporter.load(executor.instance(variant));
    const executorMs = this.world.clock.nowMs() - receivedMs;
    const { queueMs, gatherMs, runMs, scatterMs, batchSize } = times;
    const answer = { queueMs, gatherMs, runMs, scatterMs, executorMs, batchSize, load, body: ANSWER };
    this.back(id, pending, (listener) => listener.answered(answer));
  }

  private refuse(id: number, variant: string, { code, message }: ServiceError): void {
    const pending = this.pending.get(id);
    if (pending === undefined) return;
    const { executor, reporter } = this.peer.core;
    const load = reporter.load(executor.instance(variant));
    const retryAfterMs = code === Code.RESOURCE_EXHAUSTED ? load.drainMs : 0;
    this.back(id, pending, (listener) => listener.refused({ code, message, retryAfterMs, load }));
  }

  private back(id: number, pending: Pending, tell: (listener: LinkListener) => void): void {
    pending.withdraw = null;
    this.after(() => {
      if (this.pending.delete(id)) tell(pending.listener);
    });
  }

  /** A hop later; without a hop a listener is still told later than it asked. */
  private after(task: () => void): void {
    this.world.clock.setTimer(this.world.hopMs, task);
  }
}

const ANSWER = new RowsBody(1);

function gone(executor: string, variant: string): ServiceError {
  return new ServiceError(Code.UNAVAILABLE, `executor ${executor} has no instance of ${variant}`);
}
