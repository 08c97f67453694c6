import type { ClusterService } from "@infaas/api";
import type { Policy } from "@infaas/policy";
import type { ClientOf, Clock, Lifecycle, Logger } from "@infaas/runtime";
import type { FrontendConfig } from "../config";
import type { ClusterView } from "../view/cluster-view";
import type { DemandTable } from "../view/demand-table";
import type { HostProvider } from "./host-provider/host-provider";
import type { PlacementWriter } from "./placement-writer";
import { ScalingLoop } from "./scaling-loop";

interface ScalingPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly view: ClusterView;
  readonly table: DemandTable;
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly placements: PlacementWriter;
  readonly hosts: HostProvider;
  readonly policy: Policy;
  /** Term that this frontend leads in; null while it does not. */
  readonly term: () => bigint | null;
}

/** Lets hosts come and go with demand while this frontend leads and a member provides them, until the process ends. */
export function openScaling(config: FrontendConfig, ports: ScalingPorts, lifecycle: Lifecycle): ScalingLoop {
  const { term } = ports;
  const scaling = new ScalingLoop({
    ...ports,
    isLeader: () => term() !== null,
    holdMs: config.scaleInHoldMs,
    attainmentTarget: config.attainmentTarget,
    maxUsdPerHour: config.maxUsdPerHour,
    periodMs: config.metricPeriodMs,
  });
  scaling.start();
  lifecycle.onStop("scaling", () => scaling.stop());
  return scaling;
}
