import { type Clock, every, type Lifecycle, type Logger } from "@infaas/runtime";
import type { DemandCounters } from "../telemetry/demand-counters";
import type { ClusterView } from "../view/cluster-view";
import type { DemandReading } from "../view/demand-class";
import type { DemandTable } from "../view/demand-table";

/** The other frontends as those that are told what this one is asked. */
export interface DemandPeers {
  /** Tells those at these addresses from now on, and no others. */
  keepOnly(addresses: ReadonlySet<string>): void;
  /** Tells each of them, or not where the last telling is under way: newer counts follow. `readings` is called where there is one. */
  tell(readings: () => readonly DemandReading[]): void;
}

export interface DemandExchangeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Name of this frontend. */
  readonly name: string;
  readonly view: ClusterView;
  readonly counters: DemandCounters;
  readonly table: DemandTable;
  readonly peers: DemandPeers;
  /** How often counts are told and read. */
  readonly periodMs: number;
}

/** How often a frontend reads its own counts, so that one that leads sees a burst in its first quarter of a second. */
const OWN_PERIOD_MS = 250;

/**
 * Tells every other frontend the demand that this one counts, so that whichever leads knows what all are asked; its own counts
 * it reads itself, more often. Until the process ends.
 */
export function exchangeDemand(o: DemandExchangeOptions, lifecycle: Lifecycle): void {
  const { clock, logger, name, view, counters, table, peers, periodMs } = o;
  view.onMembers(() => {
    const { frontends } = view;
    peers.keepOnly(new Set(frontends.filter((f) => f.name !== name).map((f) => f.address)));
    table.keepOnly(new Set([name, ...frontends.map((f) => f.name)]));
  });
  const failed = (error: unknown) => logger.error("demand not read", { error });
  const reading = every(
    clock,
    Math.min(periodMs, OWN_PERIOD_MS),
    () => table.take(name, counters.readings(), clock.nowMs()),
    failed,
  );
  const telling = every(
    clock,
    periodMs,
    () => {
      counters.sweep();
      peers.tell(() => counters.readings());
    },
    failed,
  );
  lifecycle.onStop("demand", () => {
    reading.cancel();
    telling.cancel();
    peers.keepOnly(new Set());
  });
}
