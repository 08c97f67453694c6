import { LANE_ALONE } from "@infaas/api";
import type { ExecutorCore } from "@infaas/executor";
import type { Body, ExecutorLink, LinkListener, LinkOptions, LinkQuery } from "@infaas/frontend";
import { DynamicShares } from "@infaas/policy";
import { type Clock, Code, ServiceError } from "@infaas/runtime";

/** A request of which only the number of rows counts. */
export class RowsBody implements Body {
  readonly byteLength = 0;

  constructor(readonly rows: number) {}

  bytes(): Uint8Array {
    return NO_BYTES;
  }
}

const NO_BYTES = new Uint8Array();

interface Pending {
  readonly listener: LinkListener;
  readonly giving: AbortController;
}

/** A link to an executor of the same process: each way takes `hopMs` of virtual time. */
export class VirtualLink implements ExecutorLink {
  up = false;
  readonly shares: DynamicShares;
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;

  constructor(
    private readonly executor: ExecutorCore,
    private readonly world: { readonly clock: Clock; readonly hopMs: number },
    o: LinkOptions,
  ) {
    this.shares = new DynamicShares(o.inFlightMax);
    world.clock.setTimer(world.hopMs, () => {
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
    const pending = { listener, giving: new AbortController() };
    this.pending.set(id, pending);
    this.world.clock.setTimer(this.world.hopMs, () => this.arrive(id, query, pending));
    return id;
  }

  cancel(id: number): void {
    this.pending.get(id)?.giving.abort();
    this.pending.delete(id);
  }

  close(fault: ServiceError): void {
    this.up = false;
    for (const { listener, giving } of this.pending.values()) {
      giving.abort();
      listener.lost(fault);
    }
    this.pending.clear();
  }

  /** At the executor, as `Link` of the executor does it. */
  private arrive(id: number, { variant, timeoutMs, lane, body }: LinkQuery, { giving }: Pending): void {
    if (giving.signal.aborted) return;
    const { clock } = this.world;
    const { executor, figures, reporter } = this.executor;
    const receivedMs = clock.nowMs();
    const instance = executor.instance(variant);
    const rows = body instanceof RowsBody ? body.rows : 1;
    const gone = new ServiceError(
      Code.UNAVAILABLE,
      `executor ${executor.name} has no instance of ${variant}`,
    );
    const refuse = (fault: ServiceError) => {
      if (instance !== undefined) figures.refused(variant);
      const load = reporter.load(instance);
      const retryAfterMs = fault.code === Code.RESOURCE_EXHAUSTED ? load.drainMs : 0;
      const { code, message } = fault;
      this.back(id, (listener) => listener.refused({ code, message, retryAfterMs, load }));
    };
    if (instance === undefined || instance.readyEngine === null) {
      refuse(instance?.unavailable() ?? gone);
      return;
    }
    const asked = {
      rows,
      dims: [[rows]],
      lane: lane & ~LANE_ALONE,
      alone: (lane & LANE_ALONE) !== 0,
      timeoutMs: timeoutMs > 0 ? timeoutMs : null,
      signal: giving.signal,
    };
    instance.submit([], asked).then(
      (answer) => {
        figures.answered(variant, rows, answer);
        const { queueMs, gatherMs, runMs, scatterMs, batchSize } = answer;
        const load = reporter.load(instance);
        const executorMs = clock.nowMs() - receivedMs;
        const times = { queueMs, gatherMs, runMs, scatterMs, executorMs };
        this.back(id, (listener) =>
          listener.answered({ ...times, batchSize, load, body: new RowsBody(rows) }),
        );
      },
      (fault) => refuse(ServiceError.from(fault)),
    );
  }

  private back(id: number, tell: (listener: LinkListener) => void): void {
    this.world.clock.setTimer(this.world.hopMs, () => {
      const pending = this.pending.get(id);
      this.pending.delete(id);
      if (pending !== undefined) tell(pending.listener);
    });
  }
}
