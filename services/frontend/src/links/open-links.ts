import type { Clock, Lifecycle } from "@infaas/runtime";
import type { FrontendConfig } from "../config";
import type { ClusterView } from "../view/cluster-view";
import type { Endpoint } from "../view/live-instance";
import { ExecutorPool } from "./executor-pool";
import type { LinkFactory, Links } from "./links";

interface LinkPorts {
  readonly clock: Clock;
  readonly view: ClusterView;
  readonly openLink: LinkFactory;
}

/** Links to whatever executors the view has, until the process ends. */
export function openLinks(
  { largeLinks, inFlightMax }: FrontendConfig,
  { clock, view, openLink }: LinkPorts,
  lifecycle: Lifecycle,
): Links {
  const events = {
    reachable: (endpoint: Endpoint, reachable: boolean) => view.setReachable(endpoint, reachable),
    draining: (endpoint: Endpoint) => view.setDraining(endpoint),
  };
  const pool = new ExecutorPool({ clock, openLink, largeLinks, inFlightMax, events });
  view.onMembers(() => pool.reconcile(view.endpoints()));
  lifecycle.onStop("links", () => pool.close());
  return pool;
}
