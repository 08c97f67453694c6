import {
  ArtifactService,
  ClusterService,
  JobRecordService,
  type RegistrationResult,
  RegistryService,
} from "@infaas/api";
import { USER_CALL_TIMEOUT_MS } from "@infaas/cluster";
import { policyNamed } from "@infaas/policy";
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
import { HostHolds } from "./control/host-holds";
import { RecordedHostProvider } from "./control/host-provider/recorded";
import { placeInitially } from "./control/initial-placement";
import { OtlpPeers } from "./control/otlp-peers";
import { FrontendCore } from "./core/frontend-core";
import { openJobs } from "./intake/jobs/open-jobs";
import { socketLinks } from "./links/socket-links";
import { registerFiles } from "./management/load-registration";
import { ModelRepository } from "./management/model-repository";
import { openInference } from "./management/open-inference";
import { registerMetrics } from "./metrics";
import { SharedMemoryRegions } from "./query/shared-memory-regions";
import { openIngress } from "./servers/grpc/ingress";
import { openServers } from "./servers/open-servers";
import { openTelemetry } from "./telemetry/open-telemetry";
import type { ClusterView } from "./view/cluster-view";
import type { DemandTable } from "./view/demand-table";
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
  const { name, metricPeriodMs } = config;
  const world = { clock, random, logger, dial };
  const metadata = connectMetadata(config, dial, lifecycle);
  const { traces, traceSettings } = openTelemetry(config, { ...world, telemetry }, lifecycle);
  const wire = openIngress(config.ingress, security, logger);
  const core = new FrontendCore(
    config,
    {
      ...world,
      ...metadata,
      policy: policyNamed(config.policy, config.policyOptions),
      openLink: socketLinks({ ...world, frontend: name, wire }),
      hostsOf: (led) => new RecordedHostProvider(led),
      peers: new OtlpPeers({ name, dial, logger }),
      traces,
    },
    lifecycle,
  );
  const { view, statistics, demand, tasks, demandTable, requests, scaling, routing } = core;
  const regions = new SharedMemoryRegions();
  const hostHolds = new HostHolds({ clock, view, requests });
  const registration = {
    view,
    ...metadata,
    logger,
    dial,
    holdHost: (model: string, signal: AbortSignal) => hostHolds.hold(model, signal),
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
  const catalog = catalogService({
    view,
    statistics,
    ...metadata,
    registration,
    scaling,
    demandTable,
    clock,
    metricPeriodMs,
  });
  const figures = otlpReceiver(view, (frontend, readings) => core.told(frontend, readings));
  const { artifacts, records } = metadata;
  const jobs = openJobs(
    { ...world, artifacts, records, intake: core.intake, demandTable, term: () => core.term },
    lifecycle,
  );
  const services = [catalog, artifactRelay(artifacts), jobs.service, figures];
  const infer = { ...core.intake, regions };
  const parts = { logger, security, wire, infer, selector: routing.selector, protocol, services };
  const { port, httpAddress, faces } = await openServers(config, parts, lifecycle);
  const { router, coldStarts } = routing;
  const led = { scaling, jobs: jobs.runner };
  const sources = { view, statistics, router, coldStarts, demand, tasks, demandTable, ...led, faces };
  registerMetrics(telemetry, { ...sources, frontend: name });
  const address = config.advertise ?? withPort(config.listen, port);
  core.join(address);
  logger.info("frontend listens", { address, http: httpAddress, metadata: config.metadata });
  return { address, httpAddress, view, demandTable, wire };
}

function connectMetadata(config: FrontendConfig, dial: DialSecurity, lifecycle: Lifecycle) {
  const o = { defaultTimeoutMs: USER_CALL_TIMEOUT_MS, dial };
  const cluster = createRpcClient(ClusterService, config.metadata, o);
  const registry = createRpcClient(RegistryService, config.metadata, o);
  const records = createRpcClient(JobRecordService, config.metadata, o);
  const artifacts = createRpcClient(ArtifactService, config.metadata, { dial });
  lifecycle.onStop("metadata connections", () => {
    for (const client of [cluster, registry, records, artifacts]) client.close();
  });
  return { cluster, registry, records, artifacts };
}
