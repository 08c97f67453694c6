import {
  FrontendCore,
  type FrontendCorePorts,
  frontendOptions,
  QueryTraces,
  TraceSettings,
} from "@infaas/frontend";
import { type PolicyName, policyNamed } from "@infaas/policy";
import { type Clock, createSampler, Lifecycle, type Logger, type Random } from "@infaas/runtime";
import { configOf } from "./config-of";
import type { ToldFigures } from "./simulated-executor";
import type { MetadataConnection } from "./simulated-metadata";

export interface FrontendWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metadata: MetadataConnection;
  readonly policy: PolicyName;
  /** What the policy is told beside its name. */
  readonly told: readonly string[];
  /** Further options of its command line. */
  readonly args: readonly string[];
  readonly openLink: FrontendCorePorts["openLink"];
  readonly hostsOf: FrontendCorePorts["hostsOf"];
  readonly peers: FrontendCorePorts["peers"];
}

/** Of every address, as those of executors. */
const PORT = 1;

/** The process of a frontend: the code that serves and leads, between links of the simulation. */
export class SimulatedFrontend {
  alive = true;
  readonly core: FrontendCore;
  readonly address: string;
  private readonly lifecycle: Lifecycle;

  constructor(
    readonly name: string,
    life: number,
    private readonly world: FrontendWorld,
  ) {
    const { clock, logger, metadata, policy, told, random } = world;
    this.address = `${name}.${life}:${PORT}`;
    this.lifecycle = new Lifecycle({ clock, logger });
    const recorder = createSampler({ sampleRatio: 0, random });
    const settings = new TraceSettings(recorder, null);
    const traces = new QueryTraces({ recorder, clock, logger, settings, file: null });
    const config = configOf(frontendOptions, ["--name", name, "--policy", policy, ...world.args]);
    const { cluster, registry } = metadata;
    const { openLink, hostsOf, peers } = world;
    const ports = { clock, random, logger, cluster, registry, policy: policyNamed(policy, told) };
    this.core = new FrontendCore(config, { ...ports, openLink, hostsOf, peers, traces }, this.lifecycle);
  }

  join(): void {
    this.core.join(this.address);
  }

  get isLeading(): boolean {
    return this.core.term !== null;
  }

  take({ executor, instances }: ToldFigures): void {
    if (!this.alive) return;
    const { view } = this.core;
    view.executorFigures(executor);
    for (const instance of instances) view.instanceFigures(instance);
  }

  async stop(): Promise<void> {
    this.alive = false;
    await this.lifecycle.stop();
  }

  /** Its process is killed: queries that it has are lost, and metadata hears nothing of it. */
  kill(): void {
    this.world.metadata.cut();
    void this.stop();
  }
}
