import { MetricTargets } from "@infaas/cluster";
import { type Clock, every, type Lifecycle, type Logger, type Telemetry } from "@infaas/runtime";
import type { DemandCounters } from "../telemetry/demand-counters";
import type { ClusterView } from "../view/cluster-view";
import type { DemandTable } from "../view/demand-table";

export interface DemandExchangeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Name of this frontend. */
  readonly name: string;
  readonly view: ClusterView;
  readonly counters: DemandCounters;
  readonly table: DemandTable;
  readonly telemetry: Pick<Telemetry, "addMetricTarget" | "removeMetricTarget">;
  /** How often counts are exported and read. */
  readonly periodMs: number;
}

/**
 * Exports the metrics of this frontend to every other one, so that whichever leads knows what all are asked; its own
 * counts it reads itself, as often. Until the process ends.
 */
export function exchangeDemand(o: DemandExchangeOptions, lifecycle: Lifecycle): void {
  const { clock, logger, name, view, counters, table, periodMs } = o;
  const targets = new MetricTargets(o.telemetry);
  view.onMembers(() => {
    const { frontends } = view;
    targets.set(frontends.filter((f) => f.name !== name).map((f) => f.address));
    table.keepOnly(new Set([name, ...frontends.map((f) => f.name)]));
  });
  const timer = every(
    clock,
    periodMs,
    () => {
      counters.sweep();
      table.take(name, counters.readings(), clock.nowMs());
    },
    (error) => logger.error("demand not read", { error }),
  );
  lifecycle.onStop("demand", () => timer.cancel());
}
