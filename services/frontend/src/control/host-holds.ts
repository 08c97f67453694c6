import { type Clock, Code, ServiceError } from "@infaas/runtime";
import type { ClusterView } from "../view/cluster-view";
import { expectedHost } from "../view/expected-host";
import type { NeededLoad } from "../view/load-answer";
import { ViewChanges } from "../view/view-changes";

export interface HostHoldOptions {
  readonly clock: Clock;
  readonly view: ClusterView;
  readonly requests: {
    ask(
      load: NeededLoad,
      settled: (fault: ServiceError | null) => void,
      o: { readonly stays: boolean },
    ): { withdraw(): void };
  };
}

/** A host that is there until it is released. */
export interface HeldHost {
  release(): void;
}

/** Longest wait of a registration for a host; the provider gives a start as long. */
const HOST_WAIT_MAX_MS = 60_000;

const NOTHING_HELD: HeldHost = { release: () => undefined };

/** Hosts that registrations need where there may be none: a model is profiled on one. */
export class HostHolds {
  private readonly changes: ViewChanges;

  constructor(private readonly o: HostHoldOptions) {
    this.changes = new ViewChanges(o.view, o.clock);
  }

  /**
   * Has a host there for the registration of this model; resolves once an executor takes work, and at once where hosts do not
   * all go. UNAVAILABLE when none came.
   */
  async hold(model: string, signal: AbortSignal): Promise<HeldHost> {
    const { view } = this.o;
    if (view.hostProvider === null || view.hostProvider.pool.minHosts > 0) return NOTHING_HELD;
    const held = this.ask(model);
    const late = `no host was there within ${HOST_WAIT_MAX_MS} ms; models are profiled on one`;
    try {
      await this.changes.until(
        ({ executors }) => {
          signal.throwIfAborted();
          if (held.fault !== null) throw held.fault;
          return [...executors.values()].some((executor) => executor.accepting);
        },
        HOST_WAIT_MAX_MS,
        new ServiceError(Code.UNAVAILABLE, late),
      );
      return held;
    } catch (fault) {
      held.release();
      throw fault;
    }
  }

  /** A request for a load that nobody places: while it stands the leader keeps a host. */
  private ask(model: string): HeldHost & { readonly fault: ServiceError | null } {
    const { view, requests } = this.o;
    let [open, fault, isReleased]: [{ withdraw(): void } | null, ServiceError | null, boolean] = [
      null,
      null,
      false,
    ];
    const again = () => {
      const executor = expectedHost(view)?.name ?? [...view.executors.keys()][0] ?? "";
      open = requests.ask(
        { variant: model, executor, reason: "registration", except: [] },
        (end) => {
          // A request stands for a bounded time; a registration may take longer.
          if (end?.code === Code.DEADLINE_EXCEEDED && !isReleased) again();
          else fault = end;
        },
        { stays: true },
      );
    };
    again();
    return {
      get fault() {
        return fault;
      },
      release: () => {
        isReleased = true;
        open?.withdraw();
      },
    };
  }
}
