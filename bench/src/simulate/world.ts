import { create } from "@bufbuild/protobuf";
import { ArchitectureSchema, ClusterService, RegistryService, TaskSchema, type Variant } from "@infaas/api";
import { ExecutorCore, executorOptions } from "@infaas/executor";
import {
  FrontendCore,
  frontendOptions,
  type LinkFactory,
  QueryTraces,
  TraceSettings,
} from "@infaas/frontend";
import { clusterService, openMemoryStore, openRecords, registryService } from "@infaas/metadata";
import { policies, type policyNames } from "@infaas/policy";
import {
  type ClientOf,
  Code,
  type ConfigOf,
  createLocalClient,
  createLogger,
  createSampler,
  every,
  Lifecycle,
  type OptionTable,
  type Random,
  readConfig,
  ServiceError,
  seededRandom,
  VirtualClock,
} from "@infaas/runtime";
import { type ServiceTimes, VirtualEngines } from "./virtual-engines";
import { VirtualLink } from "./virtual-link";
import { SIMULATED_TASK } from "./zoo-variants";

/** What a simulated cluster is made of. */
export interface WorldOptions {
  readonly seed: number;
  readonly policy: (typeof policyNames)[number];
  readonly executors: number;
  /** US dollars per hour of each. */
  readonly pricePerHourUsd: number;
  /** Registered before the first query, and loaded on every executor. */
  readonly variants: readonly Variant[];
  readonly times: ServiceTimes;
  /** Time between frontend and executor, each way. */
  readonly hopMs: number;
}

/** One frontend, executors and metadata in this process, on a virtual clock: their own code between simulated engines and links. */
export interface World {
  readonly clock: VirtualClock;
  readonly frontend: FrontendCore;
  readonly executors: readonly ExecutorCore[];
  stop(): Promise<void>;
}

/** Every executor tells the frontend its figures so often. */
const FIGURES_PERIOD_MS = 1_000;
/** Longest that a cluster may take to come up, in virtual time. */
const START_MAX_MS = 60_000;
const START_STEP_MS = 100;
const DRAIN_MS = 10_000;

/** Builds a cluster; it returns once every executor has every variant ready and the frontend sees it. */
export async function openWorld(o: WorldOptions): Promise<World> {
  const clock = new VirtualClock();
  const lifecycle = new Lifecycle();
  const logger = createLogger({ service: "simulation", level: "error" });
  const randomOf = (purpose: number): Random => seededRandom(o.seed * 1_000 + purpose);
  const store = openMemoryStore({ clock, random: randomOf(1) });
  const artifacts = { keep: async () => ({ complete: true, receivedBytes: 1 }) };
  const records = await openRecords({ store, clock, logger, artifacts });
  const cluster = createLocalClient(ClusterService, clusterService(records), { clock });
  const registry = createLocalClient(RegistryService, registryService(records), { clock });
  await register(registry, o.variants);
  const executors = Array.from({ length: o.executors }, (_, i) => {
    const name = `executor-${i + 1}`;
    const args = ["--name", name, "--price-per-hour", String(o.pricePerHourUsd), "--cores", "2"];
    const engines = new VirtualEngines(clock, o.times);
    return new ExecutorCore(configOf(executorOptions, args), {
      clock,
      random: randomOf(10 + i),
      logger,
      cluster,
      engines,
      modelFile: async () => name,
      usage: { cpuUs: () => engines.cpuUs, processes: () => [] },
      targets: { addMetricTarget: () => undefined, removeMetricTarget: () => undefined },
    });
  });
  const byName = new Map(executors.map((one) => [one.executor.name, one]));
  const openLink: LinkFactory = (member, link) => {
    const executor = byName.get(member.name);
    if (executor === undefined)
      throw new ServiceError(Code.INTERNAL, `no executor ${member.name} is simulated`);
    return new VirtualLink(executor, { clock, hopMs: o.hopMs }, link);
  };
  const recorder = createSampler({ sampleRatio: 0, random: randomOf(2) });
  const traces = new QueryTraces({
    recorder,
    clock,
    settings: new TraceSettings(recorder, null),
    file: null,
  });
  const config = configOf(frontendOptions, ["--policy", o.policy]);
  const frontend = new FrontendCore(
    config,
    {
      clock,
      random: randomOf(3),
      logger,
      cluster,
      registry,
      policy: policies[o.policy],
      openLink,
      hostsOf: () => FIXED_HOSTS,
      peers: { keepOnly: () => undefined, tell: () => undefined },
      traces,
    },
    lifecycle,
  );
  for (const [i, executor] of executors.entries())
    executor.join({ address: `simulated:${i + 1}`, linkAddress: "", processes: null });
  frontend.join("simulated:0");
  tellFigures(clock, frontend, executors);
  await loadEverywhere({ clock, cluster, frontend, executors }, o.variants);
  return {
    clock,
    frontend,
    executors,
    stop: async () => {
      const stopping = Promise.all([lifecycle.stop(), ...executors.map((one) => one.stop(DRAIN_MS))]);
      await clock.advance(DRAIN_MS);
      await stopping;
      records.hub.close();
      await store.close();
    },
  };
}

/** Hosts that neither come nor go. */
const FIXED_HOSTS = {
  pools: () => [],
  ensure: () => Promise.reject(new ServiceError(Code.FAILED_PRECONDITION, "hosts are fixed")),
  drain: () => Promise.reject(new ServiceError(Code.FAILED_PRECONDITION, "hosts are fixed")),
  remove: () => Promise.reject(new ServiceError(Code.FAILED_PRECONDITION, "hosts are fixed")),
};

async function register(
  registry: ClientOf<typeof RegistryService>,
  variants: readonly Variant[],
): Promise<void> {
  const task = create(TaskSchema, { name: SIMULATED_TASK, metric: "accuracy", labels: ["0", "1"] });
  await registry.putTaskRecord({ task });
  for (const name of new Set(variants.map(({ architecture }) => architecture))) {
    const architecture = create(ArchitectureSchema, {
      name,
      task: SIMULATED_TASK,
      inputs: [{ name: "x", datatype: "FP32", shape: [-1n] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1n] }],
      batchable: true,
      modelDigest: variants[0]?.modelDigest ?? "",
      accuracyTolerance: 1,
    });
    await registry.putArchitecture({ architecture });
    const own = variants.filter((variant) => variant.architecture === name);
    await registry.putVariants({ architecture: name, version: 1, variants: [...own] });
  }
}

interface Loading {
  readonly clock: VirtualClock;
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly frontend: FrontendCore;
  readonly executors: readonly ExecutorCore[];
}

/** Has every executor load every variant, as an operator would, and waits until the frontend sees them all. */
async function loadEverywhere(
  { clock, cluster, frontend, executors }: Loading,
  variants: readonly Variant[],
): Promise<void> {
  const { view } = frontend;
  await advanceUntil(clock, "all executors are members", () => view.executors.size === executors.length);
  const placements = executors.flatMap(({ executor }) =>
    variants.map(({ name }) => ({ variant: name, executor: executor.name, reason: "operator" })),
  );
  const placing = cluster.setPlacement({ placements, wanted: true });
  await clock.advance(0);
  await placing;
  const wanted = placements.length;
  await advanceUntil(clock, "all variants are ready", () => view.instances.length === wanted);
}

async function advanceUntil(clock: VirtualClock, what: string, isSo: () => boolean): Promise<void> {
  const untilMs = clock.nowMs() + START_MAX_MS;
  while (!isSo()) {
    if (clock.nowMs() >= untilMs)
      throw new ServiceError(Code.INTERNAL, `not so within ${START_MAX_MS} simulated ms: ${what}`);
    await clock.advance(START_STEP_MS);
  }
}

/** Executors tell their figures by a direct call, as over OpenTelemetry and at once. */
function tellFigures(clock: VirtualClock, { view }: FrontendCore, executors: readonly ExecutorCore[]): void {
  every(
    clock,
    FIGURES_PERIOD_MS,
    () => {
      for (const executor of executors) {
        const { executor: figures, instances } = executor.told();
        view.executorFigures(figures);
        for (const instance of instances) view.instanceFigures(instance);
      }
    },
    (error) => {
      throw error;
    },
  );
}

function configOf<const T extends OptionTable>(options: T, args: readonly string[]): ConfigOf<T> {
  const read = readConfig(options, args, {});
  if (!read.ok) throw new ServiceError(Code.INVALID_ARGUMENT, read.faults.join("; "));
  return read.config as ConfigOf<T>;
}
