import { create } from "@bufbuild/protobuf";
import { ArchitectureSchema, type RegistryService, TaskSchema, type Variant } from "@infaas/api";
import { type LinkFactory, RecordedHostProvider } from "@infaas/frontend";
import type { PolicyName } from "@infaas/policy";
import {
  type ClientOf,
  Code,
  createLogger,
  type Logger,
  type Random,
  ServiceError,
  seededRandom,
  VirtualClock,
} from "@infaas/runtime";
import type { ServiceTimes } from "./service-times";
import { type HostSpec, SimulatedExecutor, type ToldFigures } from "./simulated-executor";
import { SimulatedFrontend } from "./simulated-frontend";
import { type MetadataConnection, SimulatedMetadata } from "./simulated-metadata";
import { VirtualLink } from "./virtual-link";
import { SIMULATED_TASK } from "./zoo-variants";

/** What a simulated cluster is made of. */
export interface ClusterOptions {
  readonly seed: number;
  readonly policy: PolicyName;
  /** What the policy is told beside its name; absent: nothing. */
  readonly told?: readonly string[];
  readonly frontends: number;
  /** Further options of each frontend's command line. */
  readonly frontendArgs: readonly string[];
  /** Registered before anything joins. */
  readonly variants: readonly Variant[];
  readonly times: ServiceTimes;
  readonly host: HostSpec;
  /** Time between any two processes, each way. */
  readonly hopMs: number;
  /** Share of the figures that executors tell which are lost on their way. */
  readonly figuresLost: number;
  /** How long figures of executors are on their way. */
  readonly figuresDelayMs: number;
}

/** Longest that a cluster may take to come up, in virtual time. */
const START_MAX_MS = 120_000;
const START_STEP_MS = 100;
const DRAIN_MS = 10_000;
/** Random numbers for each purpose are a stream of their own; arrivals and noise have others. */
const PURPOSE = { store: 1, figures: 2, member: 100 } as const;
const STREAMS = 1_000;

/** Frontends, executors and metadata in this process, on a virtual clock: their own code between simulated engines and links. */
export class SimulatedCluster {
  readonly frontends = new Map<string, SimulatedFrontend>();
  readonly executors = new Map<string, SimulatedExecutor>();
  /** Those that have ended among them. */
  readonly everyExecutor: SimulatedExecutor[] = [];
  private readonly byAddress = new Map<string, SimulatedExecutor | SimulatedFrontend>();
  private readonly fileBytes: ReadonlyMap<string, number>;
  private readonly figures: Random;
  private lives = 0;

  private constructor(
    readonly o: ClusterOptions,
    readonly clock: VirtualClock,
    private readonly logger: Logger,
    readonly metadata: SimulatedMetadata,
  ) {
    this.fileBytes = new Map(
      o.variants.map(({ modelDigest, profile }) => [modelDigest, Number(profile?.peakMemoryBytes ?? 0n)]),
    );
    this.figures = this.randomOf(PURPOSE.figures);
  }

  /** A cluster of frontends and no executors; `afterEach` is called after every event. */
  static async open(o: ClusterOptions, afterEach?: () => void): Promise<SimulatedCluster> {
    const clock = new VirtualClock({ promisesOnly: true, ...(afterEach === undefined ? {} : { afterEach }) });
    const logger = createLogger({ service: "simulation", level: "error" });
    const random = seededRandom(o.seed * STREAMS + PURPOSE.store);
    const metadata = await SimulatedMetadata.open({ clock, random, logger });
    await register(metadata.connect().registry, o.variants);
    const cluster = new SimulatedCluster(o, clock, logger, metadata);
    for (let number = 1; number <= o.frontends; number++) cluster.startFrontend(`frontend-${number}`);
    return cluster;
  }

  /** A stream of random numbers for one purpose. */
  randomOf(purpose: number): Random {
    return seededRandom(this.o.seed * STREAMS + purpose);
  }

  connect(): MetadataConnection {
    return this.metadata.connect();
  }

  startFrontend(name: string): SimulatedFrontend {
    const { clock, logger, o } = this;
    const { policy, hopMs, frontendArgs: args, told: policyTold = [] } = o;
    const openLink: LinkFactory = (member, link) => {
      const peer = this.byAddress.get(member.address);
      if (peer instanceof SimulatedExecutor) return new VirtualLink(peer, { clock, hopMs }, link);
      throw new ServiceError(Code.INTERNAL, `no executor is simulated at ${member.address}`);
    };
    const told = new Set<string>();
    const frontend = new SimulatedFrontend(name, ++this.lives, {
      ...{ clock, logger, policy, args, openLink, told: policyTold },
      random: this.randomOf(PURPOSE.member + this.lives),
      metadata: this.connect(),
      hostsOf: (led) => new RecordedHostProvider(led),
      peers: {
        keepOnly: (addresses) => {
          told.clear();
          for (const address of addresses) told.add(address);
        },
        tell: (readings) => {
          if (told.size === 0) return;
          const now = readings();
          for (const address of told) {
            const peer = this.byAddress.get(address);
            clock.setTimer(hopMs, () => {
              if (peer instanceof SimulatedFrontend && peer.alive) peer.core.told(name, now);
            });
          }
        },
      },
    });
    this.frontends.set(name, frontend);
    this.byAddress.set(frontend.address, frontend);
    frontend.join();
    return frontend;
  }

  startExecutor(name: string): SimulatedExecutor {
    const { clock, logger, o } = this;
    const executor = new SimulatedExecutor(name, ++this.lives, {
      ...{ clock, logger, times: o.times, host: o.host },
      random: this.randomOf(PURPOSE.member + this.lives),
      metadata: this.connect(),
      fileBytes: (digest) => this.fileBytes.get(digest) ?? 0,
      tell: (address, figures) => this.tell(address, figures),
    });
    this.executors.set(name, executor);
    this.everyExecutor.push(executor);
    this.byAddress.set(executor.address, executor);
    executor.join();
    return executor;
  }

  /** A frontend that lives, by its turn among those that do; null: there is none. */
  frontendFor(turn: number): SimulatedFrontend | null {
    const alive = [...this.frontends.values()].filter((one) => one.alive);
    return alive[turn % alive.length] ?? null;
  }

  get leader(): SimulatedFrontend | null {
    return [...this.frontends.values()].find((one) => one.alive && one.isLeading) ?? null;
  }

  /** Has every executor load every variant, as an operator would, and waits until each frontend sees them all. */
  async loadEverywhere(): Promise<void> {
    const executors = [...this.executors.values()];
    const frontends = [...this.frontends.values()];
    await this.until("all executors are members", () =>
      frontends.every(({ core }) => core.view.executors.size === executors.length),
    );
    const placements = executors.flatMap(({ name: executor }) =>
      this.o.variants.map(({ name }) => ({ variant: name, executor, reason: "operator" })),
    );
    const placing = this.connect().cluster.setPlacement({ placements, wanted: true });
    await this.clock.advance(0);
    await placing;
    await this.ready(placements.length);
  }

  /** Waits until every frontend sees so many instances: what is registered and runs nowhere is placed by the leader. */
  async ready(instances: number): Promise<void> {
    await this.until(`${instances} instances are ready`, () =>
      [...this.frontends.values()].every(({ core }) => core.view.instances.length >= instances),
    );
  }

  async until(what: string, isSo: () => boolean, withinMs = START_MAX_MS): Promise<void> {
    const untilMs = this.clock.nowMs() + withinMs;
    while (!isSo()) {
      if (this.clock.nowMs() >= untilMs)
        throw new ServiceError(Code.INTERNAL, `not so within ${withinMs} simulated ms: ${what}`);
      await this.clock.advance(START_STEP_MS);
    }
  }

  async stop(): Promise<void> {
    const members = [...this.frontends.values(), ...this.executors.values()].filter(({ alive }) => alive);
    const stopping = Promise.all(members.map((one) => one.stop(DRAIN_MS)));
    await this.clock.advance(DRAIN_MS);
    await stopping;
    await this.metadata.close();
  }

  private tell(address: string, figures: ToldFigures): void {
    const { figuresLost, figuresDelayMs } = this.o;
    const frontend = this.byAddress.get(address);
    if (!(frontend instanceof SimulatedFrontend)) return;
    if (figuresLost > 0 && this.figures.next() < figuresLost) return;
    if (figuresDelayMs === 0) frontend.take(figures);
    else this.clock.setTimer(figuresDelayMs, () => frontend.take(figures));
  }
}

async function register(
  registry: ClientOf<typeof RegistryService>,
  variants: readonly Variant[],
): Promise<void> {
  const task = create(TaskSchema, { name: SIMULATED_TASK, metric: "accuracy", labels: ["0", "1"] });
  await registry.putTaskRecord({ task });
  for (const name of new Set(variants.map(({ architecture }) => architecture))) {
    const own = variants.filter((variant) => variant.architecture === name);
    const architecture = create(ArchitectureSchema, {
      name,
      task: SIMULATED_TASK,
      inputs: [{ name: "x", datatype: "FP32", shape: [-1n] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1n] }],
      batchable: true,
      modelDigest: own[0]?.modelDigest ?? "",
      accuracyTolerance: 1,
    });
    await registry.putArchitecture({ architecture });
    await registry.putVariants({ architecture: name, version: 1, variants: own });
  }
}
