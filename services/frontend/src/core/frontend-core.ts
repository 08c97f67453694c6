import type { ClusterService, RegistryService } from "@infaas/api";
import type { Policy } from "@infaas/policy";
import type { ClientOf, Clock, Lifecycle, Logger, Random } from "@infaas/runtime";
import type { FrontendConfig } from "../config";
import { type DemandPeers, exchangeDemand } from "../control/demand-exchange";
import { FirstProfiles } from "../control/first-profiles";
import type { HostProvider } from "../control/host-provider/host-provider";
import type { RecordedHostsOptions } from "../control/host-provider/recorded";
import { type Joined, joinCluster } from "../control/join-cluster";
import { openScaling } from "../control/open-scaling";
import { RecordedPlacements } from "../control/placement-writer";
import type { ScalingLoop } from "../control/scaling-loop";
import type { IntakeOptions } from "../intake/accept-query";
import { Tenants } from "../intake/tenants";
import type { LinkFactory } from "../links/links";
import { openLinks } from "../links/open-links";
import { LoadRequests } from "../routing/load-requests";
import { openRouting, type Routing } from "../routing/open-routing";
import { DemandCounters } from "../telemetry/demand-counters";
import { Statistics } from "../telemetry/statistics";
import { TaskCounters } from "../telemetry/task-counters";
import type { QueryTraces } from "../telemetry/traces";
import { ClusterView } from "../view/cluster-view";
import type { DemandReading } from "../view/demand-class";
import { DemandTable } from "../view/demand-table";
import { figureAgeMaxMs } from "../view/figure-age";

/** What a frontend needs of the world: with other ports it serves and leads the same, in a simulation for one. */
export interface FrontendCorePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Metadata. */
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly registry: ClientOf<typeof RegistryService>;
  readonly policy: Policy;
  readonly openLink: LinkFactory;
  /** Returns what starts and stops hosts for the frontend that leads. */
  readonly hostsOf: (led: RecordedHostsOptions) => HostProvider;
  /** Other frontends, which are told what this one is asked. */
  readonly peers: DemandPeers;
  readonly traces: QueryTraces;
}

/**
 * A frontend without sockets: what it knows of the cluster, how a query finds its executor, and what it does as a member and
 * while it leads. Servers hand queries to `intake`; whoever receives figures hands them to `view` and `told`.
 */
export class FrontendCore {
  readonly view: ClusterView;
  readonly demandTable = new DemandTable();
  readonly statistics = new Statistics();
  readonly demand: DemandCounters;
  readonly tasks = new TaskCounters();
  readonly requests: LoadRequests;
  readonly routing: Routing;
  readonly scaling: ScalingLoop;
  /** What a query enters by: `acceptQuery`. */
  readonly intake: IntakeOptions;
  private readonly placements: RecordedPlacements;
  private joined: Joined | null = null;

  /** It knows nothing and is no member until `join`. Everything ends with `lifecycle`. */
  constructor(
    private readonly config: FrontendConfig,
    private readonly ports: FrontendCorePorts,
    private readonly lifecycle: Lifecycle,
  ) {
    const { clock, random, logger, cluster, registry, policy, openLink, traces } = ports;
    const view = new ClusterView({ clock, logger, figureAgeMaxMs: figureAgeMaxMs(config.metricPeriodMs) });
    const known = { clock, random, logger, view, cluster, policy };
    const term = () => this.joined?.term() ?? null;
    this.view = view;
    this.demand = new DemandCounters(clock);
    const links = openLinks(config, { clock, view, openLink }, lifecycle);
    this.requests = new LoadRequests({ ...known, leaseId: () => this.joined?.leaseId() ?? null });
    this.placements = new RecordedPlacements({ ...known, term });
    const firstAnswers = new FirstProfiles({ ...known, registry });
    this.routing = openRouting(config, { ...known, links, requests: this.requests, firstAnswers }, lifecycle);
    const { tenantInFlightMax: inFlightMax, tenantQueuedBytesMax: queuedBytesMax } = config;
    const tenants = new Tenants({ clock, inFlightMax, queuedBytesMax });
    const { statistics, demand, tasks, demandTable: table, placements } = this;
    const { router } = this.routing;
    this.intake = { clock, view, router, tenants, statistics, demand, tasks, traces };
    const hosts = ports.hostsOf({ clock, view, cluster, term });
    this.scaling = openScaling(config, { ...known, placements, table, hosts, term }, lifecycle);
  }

  /** Term that it leads in; null while it does not. */
  get term(): bigint | null {
    return this.joined?.term() ?? null;
  }

  /** Another frontend has told what it is asked. */
  told(frontend: string, readings: readonly DemandReading[]): void {
    this.demandTable.take(frontend, readings, this.ports.clock.nowMs());
  }

  /** Makes it a member under this address (host:port): from now on it follows metadata, campaigns, and leads when it is elected. */
  join(address: string): void {
    const { config, ports, lifecycle, view, placements } = this;
    const { clock, logger, cluster, peers } = ports;
    const { name, metricPeriodMs: periodMs } = config;
    const { demand: counters, demandTable: table } = this;
    exchangeDemand({ clock, logger, name, view, counters, table, peers, periodMs }, lifecycle);
    const { scaling: plan } = this;
    this.joined = joinCluster(config, ports, { address, view, cluster, placements, lifecycle, plan });
  }
}
