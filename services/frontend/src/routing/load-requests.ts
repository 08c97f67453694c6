import { type ClusterService, LOAD_REQUESTS_MAX } from "@infaas/api";
import { RECORD_CALL_TIMEOUT_MS } from "@infaas/cluster";
import { PLACEMENT_PRIORITY } from "@infaas/policy";
import { type ClientOf, type Clock, Code, type Logger, ServiceError, type Timer } from "@infaas/runtime";
import type { ClusterView } from "../view/cluster-view";
import { isAnswered, type NeededLoad } from "../view/load-answer";
import { planAnew } from "../view/plan-anew";
import { ViewChanges } from "../view/view-changes";

export interface LoadRequestsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly view: ClusterView;
  readonly cluster: Pick<ClientOf<typeof ClusterService>, "requestLoads" | "setPlacement">;
  /** The lease that requests are recorded under; null while this frontend is no member. */
  readonly leaseId: () => string | null;
}

/** A request that can be taken back. */
export interface OpenRequest {
  withdraw(): void;
}

/** A request that the leader could not answer for so long is given up. */
const ANSWER_MAX_MS = 30_000;

interface Open extends NeededLoad {
  readonly settled: (fault: ServiceError | null) => void;
  readonly timer: Timer;
}

/**
 * The loads that this frontend needs, recorded under its lease: the leader answers them, once for the whole cluster. While
 * nobody leads they are placed from here.
 */
export class LoadRequests {
  private readonly open = new Set<Open>();
  private readonly changes: ViewChanges;
  private sending: Promise<void> | null = null;
  private due = false;
  /** What is recorded, and under which lease; empty: nothing, null: unknown, a call failed. */
  private recorded: string | null = "";
  private leaderSeen = "";

  constructor(private readonly o: LoadRequestsOptions) {
    this.changes = new ViewChanges(o.view, o.clock);
    o.view.onChange(() => this.look());
  }

  /**
   * Asks for a load until it is withdrawn; without `stays` until it is answered. Calls `settled` once: with null when an executor
   * is to hold it, or with the reason why nobody was asked.
   */
  ask(
    load: NeededLoad,
    settled: (fault: ServiceError | null) => void = () => undefined,
    { stays = false }: { readonly stays?: boolean } = {},
  ): OpenRequest {
    const frozen = frozenFault(this.o.view, load);
    if (frozen !== null) {
      settled(frozen);
      return { withdraw: () => undefined };
    }
    if (this.open.size >= LOAD_REQUESTS_MAX) {
      const message = `${this.open.size} loads are asked for already, at most ${LOAD_REQUESTS_MAX} may be; try again later`;
      settled(new ServiceError(Code.RESOURCE_EXHAUSTED, message));
      return { withdraw: () => undefined };
    }
    const late = `${load.variant} could not be placed within ${ANSWER_MAX_MS} ms`;
    const open: Open = {
      ...load,
      settled: once((fault) => {
        if (!stays || fault !== null) this.remove(open);
        settled(fault);
      }),
      timer: this.o.clock.setTimer(ANSWER_MAX_MS, () =>
        open.settled(new ServiceError(Code.DEADLINE_EXCEEDED, late)),
      ),
    };
    this.open.add(open);
    this.sendSoon();
    return { withdraw: () => this.remove(open) };
  }

  private remove(open: Open): void {
    open.timer.cancel();
    if (this.open.delete(open)) this.sendSoon();
  }

  /** The cluster changed: which requests are answered, and does whoever leads know the others? */
  private look(): void {
    if (this.open.size === 0 && this.recorded === "") return;
    for (const open of [...this.open]) {
      const frozen = frozenFault(this.o.view, open);
      if (isAnswered(this.o.view, open)) open.settled(null);
      else if (frozen !== null) open.settled(frozen);
    }
    const { leader } = this.o.view;
    if (leader !== this.leaderSeen || this.recorded !== this.toRecord()) this.sendSoon();
    this.leaderSeen = leader;
  }

  private sendSoon(): void {
    this.due = true;
    this.sending ??= this.send().finally(() => {
      this.sending = null;
    });
  }

  private async send(): Promise<void> {
    while (this.due) {
      this.due = false;
      const asked = [...this.open];
      try {
        if (this.o.view.leader === "") for (const open of asked) await this.placeAlone(open);
        await this.record();
      } catch (error) {
        const fault = ServiceError.from(error);
        this.o.logger.warn("loads not asked for", { loads: asked.length, error: fault.message });
        this.recorded = null;
        for (const open of asked) {
          const message = `${open.variant} is not loaded and cannot be now: metadata says: ${fault.message}`;
          open.settled(new ServiceError(Code.UNAVAILABLE, message, { cause: fault }));
        }
      }
    }
  }

  private async record(): Promise<void> {
    const now = this.toRecord();
    if (now === this.recorded) return;
    const leaseId = this.o.leaseId();
    if (leaseId === null && now === "") {
      this.recorded = "";
      return;
    }
    if (leaseId === null) throw new ServiceError(Code.UNAVAILABLE, "this frontend is no member now");
    const requests = [...this.open].map(({ variant, executor, reason, except }) => ({
      variant,
      executor,
      reason,
      except: [...except],
    }));
    await this.o.cluster.requestLoads({ leaseId, requests }, { timeoutMs: RECORD_CALL_TIMEOUT_MS });
    this.recorded = now;
  }

  /** Equal texts are recorded alike; empty: nothing is. */
  private toRecord(): string {
    if (this.open.size === 0) return "";
    const loads = [...this.open].map(({ variant, executor, reason, except }) => [
      ...[variant, executor, reason],
      ...except,
    ]);
    return JSON.stringify([this.o.leaseId(), ...loads]);
  }

  /** Somebody may lead by now: then the request stands. So it does where there is nothing to place, or no executor to place it on. */
  private async placeAlone(load: Open): Promise<void> {
    const { view, cluster } = this.o;
    const { variant, executor, reason } = load;
    if (!view.executors.has(executor) || !view.catalog.policy.variants.has(variant)) return;
    const plan = "nobody leads; the frontend that needs it has placed it";
    const placement = { executor, variant, reason, plan, priority: PLACEMENT_PRIORITY.requested };
    try {
      await planAnew({ view, changes: this.changes }, async (readRevision) => {
        if (isAnswered(view, load) || !this.open.has(load)) return;
        const asked = { placements: [placement], wanted: true, readRevision };
        await cluster.setPlacement(asked, { timeoutMs: RECORD_CALL_TIMEOUT_MS });
      });
    } catch (error) {
      if (ServiceError.from(error).code !== Code.FAILED_PRECONDITION) throw error;
    }
  }
}

/** Why nothing is loaded for a query or a registration now; null: it may be. */
function frozenFault({ freeze }: ClusterView, { variant }: NeededLoad): ServiceError | null {
  if (freeze === null) return null;
  const { by, sinceEpochMs } = freeze;
  const since = new Date(sinceEpochMs).toISOString();
  return new ServiceError(
    Code.FAILED_PRECONDITION,
    `${variant} is not loaded, and nothing is by itself while plans are frozen: by ${by} since ${since}`,
  );
}

function once(settle: (fault: ServiceError | null) => void): (fault: ServiceError | null) => void {
  let done = false;
  return (fault) => {
    if (done) return;
    done = true;
    settle(fault);
  };
}
