import type { Policy } from "@infaas/policy";
import type { Clock, Lifecycle, Logger } from "@infaas/runtime";
import type { FrontendConfig } from "../config";
import type { Links } from "../links/links";
import type { ClusterView } from "../view/cluster-view";
import { ColdStarts } from "./cold-starts";
import type { FirstAnswers } from "./first-answers";
import type { LoadRequests } from "./load-requests";
import { Router } from "./router";
import { Selector } from "./selector";

interface RoutingPorts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly view: ClusterView;
  readonly policy: Policy;
  readonly links: Links;
  readonly requests: LoadRequests;
  readonly firstAnswers: FirstAnswers;
}

/** What brings queries to instances. */
export interface Routing {
  readonly router: Router;
  readonly selector: Selector;
  readonly coldStarts: ColdStarts;
}

/** Routes queries over what the view shows, until the process ends. */
export function openRouting(config: FrontendConfig, ports: RoutingPorts, lifecycle: Lifecycle): Routing {
  const { coldWaitersMax: waitersMax, coldWaitMaxMs: waitMaxMs, queryMaxMs, maxUsdPerHour } = config;
  const coldStarts = new ColdStarts({ ...ports, waitersMax, waitMaxMs });
  const selector = new Selector({
    ...ports,
    maxUsdPerHour,
    startLoad: ({ variant, executor }) => coldStarts.start(variant.name, executor.name),
  });
  const router = new Router({ ...ports, selector, coldStarts, queryMaxMs });
  router.start();
  lifecycle.onStop("router", () => router.stop());
  return { router, selector, coldStarts };
}
