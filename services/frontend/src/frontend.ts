import {
  ArtifactService,
  ClusterService,
  GRPCInferenceService,
  type RegistrationResult,
  RegistryService,
} from "@infaas/api";
import { USER_CALL_TIMEOUT_MS } from "@infaas/cluster";
import {
  type Caller,
  type Clock,
  createRpcClient,
  createSampler,
  type DialSecurity,
  type Lifecycle,
  type Logger,
  type Random,
  type Security,
  withPort,
} from "@infaas/runtime";
import type { Wire } from "@infaas/wire";
import type { FrontendConfig } from "./config";
import { artifactRelay } from "./control/artifact-relay";
import { catalogService } from "./control/catalog-service";
import { placeInitially } from "./control/initial-placement";
import { joinCluster } from "./control/join-cluster";
import { Tenants } from "./intake/tenants";
import { ExecutorPool } from "./links/executor-pool";
import { registerFiles } from "./management/load-registration";
import { ModelRepository } from "./management/model-repository";
import { openInference } from "./management/open-inference";
import { type Face, registerMetrics } from "./metrics";
import { SharedMemoryRegions } from "./query/shared-memory-regions";
import { ColdStarts } from "./routing/cold-starts";
import { Router } from "./routing/router";
import { Selector } from "./routing/selector";
import { inferIngress } from "./servers/grpc/infer-ingress";
import { inferStreams } from "./servers/grpc/infer-stream";
import { inferenceService } from "./servers/grpc/inference-service";
import { openIngress } from "./servers/grpc/ingress";
import { loadReports } from "./servers/grpc/load-report-service";
import { nativeInfer } from "./servers/grpc/native-infer";
import { queryIngress } from "./servers/grpc/query-ingress";
import { createFrontendServer } from "./servers/grpc/server";
import { listenHttp } from "./servers/http/listen-http";
import { STOP_GRACE_MS } from "./servers/stop-grace";
import { openTraceFile, startTelemetry } from "./telemetry/open-telemetry";
import { Statistics } from "./telemetry/statistics";
import { TraceSettings } from "./telemetry/trace-settings";
import { QueryTraces } from "./telemetry/traces";
import { ClusterView } from "./view/cluster-view";
import { ModelHealth } from "./view/model-health";
import { otlpReceiver } from "./view/otlp-receiver";

/** What a frontend gets from its process. */
export interface FrontendPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly version: string;
  readonly security: Security;
}

/** A running frontend. */
export interface Frontend {
  /** host:port that was bound. */
  readonly address: string;
  /** host:port of the HTTP face; null when it is off. */
  readonly httpAddress: string | null;
  readonly view: ClusterView;
  /** The native server; null when grpc-js serves. */
  readonly wire: Wire<Caller> | null;
}

const MODEL_INFER = `/${GRPCInferenceService.typeName}/${GRPCInferenceService.method.modelInfer.name}`;

/** Starts a frontend: it serves as soon as it listens, and knows the cluster as soon as metadata has told. */
export async function startFrontend(
  config: FrontendConfig,
  ports: FrontendPorts,
  lifecycle: Lifecycle,
): Promise<Frontend> {
  const { clock, random, logger, security } = ports;
  const { dial } = security;
  const metadata = connectMetadata(config, dial, lifecycle);
  const telemetry = startTelemetry(config, dial, lifecycle);
  const view = new ClusterView({ clock, logger });
  const statistics = new Statistics();
  const { cluster } = metadata;
  const wire = openIngress(config.ingress, security, logger);
  const pool = new ExecutorPool({
    wire,
    frontend: config.name,
    clock,
    random,
    logger,
    dial,
    largeLinks: config.largeLinks,
    inFlightMax: config.inFlightMax,
    events: {
      reachable: (executor, reachable) => view.setReachable(executor, reachable),
      draining: (executor) => view.setDraining(executor),
    },
  });
  view.onMembers(() => pool.reconcile([...view.executors.values()].map((e) => e.facts)));
  const coldStarts = new ColdStarts({
    clock,
    logger,
    view,
    cluster,
    waitersMax: config.coldWaitersMax,
    waitMaxMs: config.coldWaitMaxMs,
  });
  const selector = new Selector(view, ({ variant, executor }) =>
    coldStarts.start(variant.name, executor.name),
  );
  const router = new Router({
    clock,
    logger,
    view,
    pool,
    selector,
    coldStarts,
    queryMaxMs: config.queryMaxMs,
  });
  const traceFile = openTraceFile(config.traceFile, { clock, logger }, lifecycle);
  const { otlpEndpoint, traceSampleRatio: sampleRatio } = config;
  const recorder =
    traceFile !== null && otlpEndpoint === null ? createSampler({ sampleRatio, random }) : telemetry.tracer;
  const traceSettings = new TraceSettings(recorder, traceFile);
  const traces = new QueryTraces({ recorder, clock, settings: traceSettings, file: traceFile });
  const tenants = new Tenants({
    clock,
    inFlightMax: config.tenantInFlightMax,
    queuedBytesMax: config.tenantQueuedBytesMax,
  });
  const regions = new SharedMemoryRegions();
  const way = { clock, view, router, tenants, statistics, traces, regions };
  const registration = {
    view,
    ...metadata,
    logger,
    dial,
    placeInitially: (result: RegistrationResult) => placeInitially({ view, cluster, logger }, result),
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
  const server = createFrontendServer({
    logger,
    security,
    transport: wire ?? undefined,
    modelInfer: inferIngress(way),
    modelStreamInfer: inferStreams(way),
    query: queryIngress(way),
    services: [
      protocol,
      loadReports({ clock, view, statistics, router }),
      inferenceService({ clock, view, selector }),
      catalogService({
        view,
        statistics,
        ...metadata,
        registration,
      }),
      artifactRelay(metadata.artifacts),
      otlpReceiver(view),
    ],
  });
  wire?.infer(MODEL_INFER, nativeInfer(way, wire));
  new ModelHealth(view, server.health);
  lifecycle.onStop("links", () => pool.close());
  router.start();
  lifecycle.onStop("router", () => router.stop());
  const port = await server.listen(config.listen);
  lifecycle.onStop("server", () => server.stop(STOP_GRACE_MS));
  const faces = new Map<string, Face>([["grpc", server]]);
  const http = await listenHttp(config, { logger, security, infer: way, protocol, faces }, lifecycle);
  if (http !== null) faces.set("http", http.face);
  registerMetrics(telemetry.meter, { view, statistics, router, coldStarts, faces });
  const address = config.advertise ?? withPort(config.listen, port);
  joinCluster(config, ports, { address, view, cluster, lifecycle });
  const httpAddress = http?.address ?? null;
  logger.info("frontend listens", { address, http: httpAddress, metadata: config.metadata });
  return { address, httpAddress, view, wire };
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
