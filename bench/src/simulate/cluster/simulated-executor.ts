import { ExecutorCore, executorOptions, sizedFor } from "@infaas/executor";
import { type Clock, every, type Logger, type Random, type Timer } from "@infaas/runtime";
import { configOf } from "./config-of";
import type { ServiceTimes } from "./service-times";
import { SharedCapacity } from "./shared-capacity";
import type { MetadataConnection } from "./simulated-metadata";
import { VirtualEngines } from "./virtual-engines";

/** A host of the simulation. */
export interface HostSpec {
  readonly hostType: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly pricePerHourUsd: number;
  /** Bandwidth that model files come over, which loads at the same time share. */
  readonly fetchBytesPerMs: number;
}

/** A host of one core at the price of a small machine in a cloud, whose disk or network gives it 100 MB of model files a second. */
export const SIMULATED_HOST: HostSpec = {
  hostType: "local-cpu",
  cores: 1,
  memoryBytes: 200_000_000,
  pricePerHourUsd: 0.1,
  fetchBytesPerMs: 100_000,
};

/** Figures that an executor tells. */
export type ToldFigures = ReturnType<ExecutorCore["told"]>;

export interface ExecutorWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metadata: MetadataConnection;
  readonly times: ServiceTimes;
  readonly host: HostSpec;
  /** Size of the file of a variant, bytes. */
  readonly fileBytes: (modelDigest: string) => number;
  /** Takes figures to the frontend of this address. */
  readonly tell: (address: string, figures: ToldFigures) => void;
}

const US_PER_MS = 1_000;
/** As its option `--metric-period-ms` has it. */
const FIGURES_PERIOD_MS = 1_000;
/** Of every address: each life of a process has a name of its own there, so that links of an earlier one do not reach it. */
const PORT = 1;

/** The process of an executor: the code that serves, between engines and links of the simulation. */
export class SimulatedExecutor {
  alive = true;
  readonly core: ExecutorCore;
  /** Links of frontends to it. */
  readonly links = new Set<{ broke(): void }>();
  readonly address: string;
  readonly cores: SharedCapacity;
  readonly engines: VirtualEngines;
  private readonly targets = new Set<string>();
  private readonly telling: Timer;

  constructor(
    readonly name: string,
    life: number,
    private readonly world: ExecutorWorld,
  ) {
    const { clock, random, logger, metadata, times, host } = world;
    const { hostType, cores, memoryBytes, pricePerHourUsd } = host;
    this.address = `${name}.${life}:${PORT}`;
    this.cores = new SharedCapacity(clock, cores);
    const disk = new SharedCapacity(clock, 1);
    this.engines = new VirtualEngines(clock, times, this.cores);
    const args = ["--name", name, "--host-type", hostType, "--cores", String(cores)];
    args.push("--memory-bytes", String(memoryBytes), "--price-per-hour", String(pricePerHourUsd));
    const fetchMs = (digest: string) => world.fileBytes(digest) / host.fetchBytesPerMs;
    const files = new Map<string, Promise<string>>();
    this.core = new ExecutorCore(sizedFor(configOf(executorOptions, args), host), {
      clock,
      random,
      logger,
      cluster: metadata.cluster,
      engines: this.engines,
      modelFile: ({ modelDigest: file }) => {
        const fetched =
          files.get(file) ??
          new Promise<string>((here) => void disk.begin(1, fetchMs(file), () => here(file)));
        files.set(file, fetched);
        return fetched;
      },
      usage: { cpuUs: () => this.cores.usedMs * US_PER_MS, processes: () => [] },
      targets: {
        addMetricTarget: (address) => void this.targets.add(address),
        removeMetricTarget: (address) => void this.targets.delete(address),
      },
    });
    this.core.onServing((variant, instance) => {
      const direct = instance?.readyEngine?.direct;
      if (direct !== undefined) this.core.figures.attach(variant, direct);
    });
    this.telling = every(
      clock,
      FIGURES_PERIOD_MS,
      () => this.tellFigures(),
      () => undefined,
    );
  }

  join(): void {
    this.core.join({ address: this.address, linkAddress: "", processes: null });
  }

  /** Answers what it has accepted within `drainMs`, then leaves. */
  async stop(drainMs: number): Promise<void> {
    await this.core.stop(drainMs);
    this.ended();
  }

  /** Its process is killed: it answers nothing more, and metadata hears nothing of it. */
  kill(): void {
    this.world.metadata.cut();
    this.engines.kill();
    this.ended();
    void this.core.stop(0);
  }

  private ended(): void {
    this.alive = false;
    this.telling.cancel();
    for (const link of [...this.links]) link.broke();
  }

  private tellFigures(): void {
    if (this.targets.size === 0) return;
    const figures = this.core.told();
    for (const address of this.targets) this.world.tell(address, figures);
  }
}
