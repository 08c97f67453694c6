import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ArtifactService, ClusterService, type ProfileModelRequest } from "@infaas/api";
import { ArtifactClient } from "@infaas/cluster";
import { CoreGate } from "@infaas/cuda-batcher";
import {
  type Clock,
  createRpcClient,
  every,
  type Lifecycle,
  type Logger,
  processUsage,
  type Random,
  type Security,
  type ServiceError,
  type Telemetry,
  withPort,
} from "@infaas/runtime";
import { type ExecutorConfig as Config, wholeCores } from "./config";
import { ExecutorCore, type HostUsage } from "./core/executor-core";
import { hostTypeWith } from "./engines/device";
import { deviceEngines } from "./engines/device-engines";
import type { EnginePort } from "./engines/engine-port";
import { gatedEngines } from "./engines/gated-engines";
import { nativeEngines } from "./engines/native-engine";
import { paddingEngines } from "./engines/padded-engine";
import type { ModelFiles } from "./files/model-folders";
import { ModelStore } from "./files/model-store";
import { LoadJournal } from "./instances/load-journal";
import { registerMetrics } from "./metrics";
import { Adapters } from "./processes/adapters";
import { EngineProcesses } from "./processes/engine-processes";
import { type ConfinedProfileOptions, confinedProfile } from "./profiling/confinement/confined-profile";
import { ProfileQueue } from "./profiling/confinement/profile-queue";
import { ProfileRefusals } from "./profiling/confinement/profile-refusals";
import { linkListenAddress } from "./serving/link-listen";
import { LinkServer } from "./serving/link-server";
import { NativeLinks } from "./serving/native-links";
import { QuerySpans } from "./serving/query-spans";
import { executorServer } from "./serving/server";
import { SharedMemory } from "./serving/shared-memory";

/** Ports of an executor; tests give other engines and another clock. */
export interface ExecutorWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  /** Engines of this process; null: engine processes, as the options say. */
  readonly engines: EnginePort | null;
  readonly lifecycle: Lifecycle;
  readonly security: Security;
}

/** Time for queries in flight when the process stops; the whole stop takes less than 5 s. */
const DRAIN_ON_STOP_MS = 2_500;
/** Time for open calls after the drain. */
const STOP_GRACE_MS = 500;
/** How often engine processes are told the figures of the host, which every answer carries. */
const TELL_HOST_PERIOD_MS = 250;

/**
 * Starts an executor, which joins the cluster in the background; returns the address (host:port) frontends
 * are told.
 */
export async function startExecutor(config: Config, world: ExecutorWorld): Promise<string> {
  const { clock, logger, lifecycle, telemetry, engines, security } = world;
  const { dial } = security;
  const models = join(config.dataDir, "models");
  const scratch = join(config.dataDir, "scratch");
  await dropLeftovers([scratch, join(config.dataDir, "runs")]);
  await Promise.all([models, scratch].map((folder) => mkdir(folder, { recursive: true })));
  const cores = config.coreGate ? CoreGate.make(wholeCores(config.cores)) : null;
  const artifacts = createRpcClient(ArtifactService, config.metadata, { dial });
  lifecycle.onStop("artifact client", () => artifacts.close());
  const artifactClient = new ArtifactClient(artifacts);
  const store = new ModelStore({
    folder: models,
    source: artifactClient,
    clock,
    bytesMax: config.modelFilesBytesMax,
  });
  const modelFile = (files: ModelFiles) => store.model(files);
  const journal = await LoadJournal.open(join(config.dataDir, "loading"), clock);
  let nativeLinks: NativeLinks | null = null;
  const processes = openProcesses(config, world, cores);
  const spans = new QuerySpans(clock, telemetry.tracer);
  const cluster = createRpcClient(ClusterService, config.metadata, { dial });
  lifecycle.onStop("cluster client", () => cluster.close());
  const core = new ExecutorCore(config, {
    ...world,
    cluster,
    engines: deviceEngines(
      processes ?? paddingEngines(engines ?? gatedEngines(nativeEngines, cores && { gate: cores.path })),
      config.device,
    ),
    modelFile,
    journal,
    usage: usageOf(processes, cores),
    targets: telemetry,
    counted: (variant, taken) => spans.recordDirect(variant, taken),
  });
  const { executor, figures, reporter, utilisation } = core;
  const adapters = new Adapters({ clock, logger, memoryBytes: config.memoryBytes });
  core.onServing((variant, instance) => {
    if (processes === null && instance?.adapter !== undefined) adapters.prepare();
    nativeLinks?.serve(variant, instance);
    processes?.serve(variant, instance?.readyEngine);
    const direct = instance?.readyEngine?.direct;
    if (processes !== null && direct !== undefined) figures.attach(variant, direct);
  });
  registerMetrics(telemetry.meter, () => core.told());
  const memory = new SharedMemory();
  const inFlightMax = config.linkInFlightMax;
  const linkPorts = { clock, executor, reporter, figures, spans, memory, adapters, inFlightMax };
  const links = new LinkServer(linkPorts);
  const profiles = profileQueue(config, clock, {
    cores,
    fetchModel: modelFile,
    storeArtifact: (path, tenant) => new ArtifactClient(artifacts, tenant).uploadFile(path),
    scratchDir: scratch,
  });
  const server = executorServer({
    logger,
    links,
    profiles,
    security,
    ...(processes === null ? {} : { processes }),
  });
  lifecycle.onStop("server", () => server.stop(STOP_GRACE_MS));
  const port = await server.listen(config.listen);
  const address = config.advertise ?? withPort(config.listen, port);
  const linkListen = linkListenAddress(config);
  if (linkListen !== null && processes === null)
    nativeLinks = await NativeLinks.open(linkListen, linkPorts, { members: security.members, logger });
  const linkAddress = nativeLinks === null ? "" : withPort(address, nativeLinks.port);
  core.join({ address, linkAddress, processes: processes === null ? null : reachedAt(processes, address) });
  const telling = every(
    clock,
    TELL_HOST_PERIOD_MS,
    () =>
      processes?.tellHost({ utilisation: utilisation.value(), memoryFreeBytes: executor.memoryFreeBytes }),
    () => undefined,
  );
  lifecycle.onStop("instances", async () => {
    links.announceDraining();
    nativeLinks?.announceDraining();
    processes?.announceDraining();
    telling.cancel();
    await core.stop(DRAIN_ON_STOP_MS);
    links.close();
    await Promise.all([nativeLinks?.close(), processes?.stop()]);
    memory.close();
    adapters.stop();
  });
  return address;
}

/** Drops what processes of an earlier life left behind; what can't be dropped is in nobody's way. */
async function dropLeftovers(folders: readonly string[]): Promise<void> {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }).catch(() => null)));
}

/** The processes that engines run in; null where they run in this one, or a test has brought its own. */
function openProcesses(
  config: Config,
  { clock, random, logger, engines }: ExecutorWorld,
  cores: CoreGate | null,
): EngineProcesses | null {
  const { isolation, memoryBytes } = config;
  if (engines !== null || isolation === "none") return null;
  return new EngineProcesses({
    isolation,
    clock,
    random,
    logger,
    memoryBytes,
    cores,
    folder: join(config.dataDir, "runs"),
    config: { ...config, listen: withPort(config.listen, 0) },
  });
}

/** Engine processes with the addresses that frontends reach: on the host of the executor's own. */
function reachedAt(processes: EngineProcesses, address: string) {
  const lines = () =>
    processes.lines().map(({ port, linkPort, ...line }) => ({
      ...line,
      address: withPort(address, port),
      linkAddress: linkPort === null ? "" : withPort(address, linkPort),
    }));
  return { lines, onChange: (listener: () => void) => processes.onChange(listener) };
}

/** What this process and its engine processes use. */
function usageOf(processes: EngineProcesses | null, cores: CoreGate | null): HostUsage {
  return {
    cpuUs: () => processUsage.cpuUs() + (processes?.cpuUs ?? 0),
    ...(cores === null ? {} : { coresInUse: () => cores.inUse }),
    ...(processes === null ? {} : { takenBytes: () => processes.takenBytes }),
    processes: () => [
      { name: "executor", residentBytes: processUsage.residentBytes() },
      ...(processes?.lines() ?? []),
    ],
  };
}

/** A queue of registrations, each in a process of its own; a file that ended one is refused for a while. */
function profileQueue(
  config: Config,
  clock: Clock,
  ports: Pick<ConfinedProfileOptions, "fetchModel" | "scratchDir" | "cores"> & {
    readonly storeArtifact: (path: string, tenant: string) => Promise<string>;
  },
): ProfileQueue {
  const { device, cores, memoryBytes } = config;
  const hostType = hostTypeWith(config.hostType, device);
  const limits = {
    stageMsMax: config.profileStageMsMax,
    totalMsMax: config.profileMsMax,
    memoryBytesMax: config.profileMemoryBytesMax,
  };
  const refusals = new ProfileRefusals(clock);
  return new ProfileQueue((request, signal) => {
    const registered = registeredAs(request);
    if (!request.retry) refusals.check(registered);
    const onDeath = (reason: ServiceError) => refusals.remember(registered, reason);
    const host = { hostType, device, cores: wholeCores(cores), cpuCores: cores, memoryBytes };
    const storeArtifact = (path: string) => ports.storeArtifact(path, request.tenant);
    return confinedProfile(request, { ...ports, storeArtifact, clock, host, limits, onDeath }, signal);
  });
}

/** What decides how a file is measured: the same with other examples or sizes may well be. */
function registeredAs({ architecture, axisSizes }: ProfileModelRequest): string {
  const { modelDigest = "", exampleDigest = "" } = architecture ?? {};
  const sizes = Object.entries(axisSizes).map(([axis, size]) => `${axis}=${size}`);
  return [modelDigest, exampleDigest, ...sizes.sort()].join(" ");
}
