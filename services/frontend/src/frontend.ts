import { ArtifactService, ClusterService, type RegistrationResult, RegistryService } from "@infaas/api";
import { USER_CALL_TIMEOUT_MS } from "@infaas/cluster";
import {
  type Caller,
  type Clock,
  createRpcClient,
  type DialSecurity,
  type Lifecycle,
  type Logger,
  type Random,
  type Security,
  type Telemetry,
  withPort,
} from "@infaas/runtime";
import type { Wire } from "@infaas/wire";
import type { FrontendConfig } from "./config";
import { artifactRelay } from "./control/artifact-relay";
import { catalogService } from "./control/catalog-service";
import { exchangeDemand } from "./control/demand-exchange";
import { FirstProfiles } from "./control/first-profiles";
import { placeInitially } from "./control/initial-placement";
import { type Joined, joinCluster } from "./control/join-cluster";
import { openScaling } from "./control/open-scaling";
import { RecordedPlacements } from "./control/placement-writer";
import { Tenants } from "./intake/tenants";
import { openLinks } from "./links/open-links";
import { registerFiles } from "./management/load-registration";
import { ModelRepository } from "./management/model-repository";
import { openInference } from "./management/open-inference";
import { registerMetrics } from "./metrics";
import { SharedMemoryRegions } from "./query/shared-memory-regions";
import { LoadRequests } from "./routing/load-requests";
import { openRouting } from "./routing/open-routing";
import { openIngress } from "./servers/grpc/ingress";
import { openServers } from "./servers/open-servers";
import { openTelemetry } from "./telemetry/open-telemetry";
import { ClusterView } from "./view/cluster-view";
import type { DemandReading } from "./view/demand-class";
import { DemandTable } from "./view/demand-table";
import { figureAgeMaxMs } from "./view/figure-age";
import { otlpReceiver } from "./view/otlp-receiver";

/** What a process gives its frontend. */
export interface FrontendPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly version: string;
  readonly security: Security;
  readonly telemetry: Telemetry;
}

export interface Frontend {
  /** host:port that was bound. */
  readonly address: string;
  /** host:port of the HTTP server; null when it is off. */
  readonly httpAddress: string | null;
  readonly view: ClusterView;
  readonly demandTable: DemandTable;
  /** The native server; null when grpc-js serves. */
  readonly wire: Wire<Caller> | null;
}

/** Starts a frontend: it serves as soon as it listens, and knows the cluster as soon as metadata has told. */
export async function startFrontend(
  config: FrontendConfig,
  ports: FrontendPorts,
  lifecycle: Lifecycle,
): Promise<Frontend> {
  const { clock, random, logger, security, telemetry } = ports;
  const { dial } = security;
  const world = { clock, random, logger, dial };
  const metadata = connectMetadata(config, dial, lifecycle);
  const { cluster } = metadata;
  const { meter, statistics, demand, traces, traceSettings } = openTelemetry(
    config,
    { ...world, telemetry },
    lifecycle,
  );
  const view = new ClusterView({ clock, logger, figureAgeMaxMs: figureAgeMaxMs(config.metricPeriodMs) });
  const demandTable = new DemandTable();
  const wire = openIngress(config.ingress, security, logger);
  const pool = openLinks(config, { ...world, view, wire }, lifecycle);
  let joined: Joined | null = null;
  const term = () => joined?.term() ?? null;
  const leaseId = () => joined?.leaseId() ?? null;
  const requests = new LoadRequests({ ...world, view, cluster, leaseId });
  const placements = new RecordedPlacements({ clock, view, cluster, term });
  const firstAnswers = new FirstProfiles({ view, registry: metadata.registry, clock, logger });
  const routing = { ...world, view, pool, requests, firstAnswers };
  const { router, selector, coldStarts } = openRouting(config, routing, lifecycle);
  const tenants = new Tenants({
    clock,
    inFlightMax: config.tenantInFlightMax,
    queuedBytesMax: config.tenantQueuedBytesMax,
  });
  const regions = new SharedMemoryRegions();
  const registration = {
    view,
    ...metadata,
    logger,
    dial,
    placeInitially: (result: RegistrationResult) => placeInitially({ view, requests, logger }, result),
  };
  const repository = new ModelRepository({ view, clock, ...metadata });
  const protocol = openInference({
    view,
    statistics,
    regions,
    repository,
    register: async (asked) => repository.known(asked.name, await registerFiles(registration, asked)),
    traceSettings,
    logLevels: logger.levels,
    version: ports.version,
  });
  const infer = { clock, view, router, tenants, statistics, demand, traces, regions };
  const told = (frontend: string, readings: readonly DemandReading[]) =>
    demandTable.take(frontend, readings, clock.nowMs());
  const scaled = { ...world, view, cluster, placements, table: demandTable, term };
  const scaling = openScaling(config, scaled, lifecycle);
  const catalog = catalogService({
    view,
    statistics,
    ...metadata,
    registration,
    scaling,
    demandTable,
    clock,
    metricPeriodMs: config.metricPeriodMs,
  });
  const services = [catalog, artifactRelay(metadata.artifacts), otlpReceiver(view, told)];
  const parts = { logger, security, wire, infer, selector, protocol, services };
  const { port, httpAddress, faces } = await openServers(config, parts, lifecycle);
  const { name, metricPeriodMs: periodMs } = config;
  const sources = { view, statistics, router, coldStarts, demand, demandTable, scaling, faces };
  registerMetrics(meter, { ...sources, frontend: name });
  exchangeDemand({ ...world, name, view, counters: demand, table: demandTable, periodMs }, lifecycle);
  const address = config.advertise ?? withPort(config.listen, port);
  const retired = () => scaling.retired;
  joined = joinCluster(config, ports, { address, view, cluster, placements, lifecycle, retired });
  logger.info("frontend listens", { address, http: httpAddress, metadata: config.metadata });
  return { address, httpAddress, view, demandTable, wire };
}

function connectMetadata(config: FrontendConfig, dial: DialSecurity, lifecycle: Lifecycle) {
  const o = { defaultTimeoutMs: USER_CALL_TIMEOUT_MS, dial };
  const cluster = createRpcClient(ClusterService, config.metadata, o);
  const registry = createRpcClient(RegistryService, config.metadata, o);
  const artifacts = createRpcClient(ArtifactService, config.metadata, { dial });
  lifecycle.onStop("metadata connections", () => {
    for (const client of [cluster, registry, artifacts]) client.close();
  });
  return { cluster, registry, artifacts };
}
