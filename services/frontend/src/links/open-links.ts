import type { Caller, Clock, DialSecurity, Lifecycle, Logger, Random } from "@infaas/runtime";
import type { Wire } from "@infaas/wire";
import type { FrontendConfig } from "../config";
import type { ClusterView } from "../view/cluster-view";
import type { Endpoint } from "../view/live-instance";
import { ExecutorPool } from "./executor-pool";

interface LinkPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly dial: DialSecurity;
  readonly view: ClusterView;
  /** Null = links inside gRPC only. */
  readonly wire: Wire<Caller> | null;
}

/** Links to whatever executors the view has, until the process ends. */
export function openLinks(
  { name, largeLinks, inFlightMax }: FrontendConfig,
  { view, ...ports }: LinkPorts,
  lifecycle: Lifecycle,
): ExecutorPool {
  const events = {
    reachable: (endpoint: Endpoint, reachable: boolean) => view.setReachable(endpoint, reachable),
    draining: (endpoint: Endpoint) => view.setDraining(endpoint),
  };
  const pool = new ExecutorPool({ ...ports, frontend: name, largeLinks, inFlightMax, events });
  view.onMembers(() => pool.reconcile(view.endpoints()));
  lifecycle.onStop("links", () => pool.close());
  return pool;
}
