import type { ClusterService } from "@infaas/api";
import { RECORD_CALL_TIMEOUT_MS } from "@infaas/cluster";
import {
  type ClientOf,
  type Clock,
  every,
  type Logger,
  type Random,
  type Telemetry,
  type Timer,
} from "@infaas/runtime";
import type { ProcessLine } from "../cluster/instance-reports";
import { joinCluster } from "../cluster/join-cluster";
import type { ExecutorConfig } from "../config";
import type { DirectFigures, EnginePort } from "../engines/engine-port";
import { BatchingWatch } from "../instances/batching-watch";
import { Executor } from "../instances/executor";
import type { Instance, InstancePorts } from "../instances/instance";
import { LiveFigures } from "../instances/live-figures";
import { Utilisation } from "../instances/utilisation";
import { Reporter } from "../serving/reporter";
import { readFigures, type ToldFigures } from "./read-figures";

/** What an executor needs of the world: with other ports it loads, reports and evicts the same, in a simulation for one. */
export interface ExecutorCorePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Metadata. */
  readonly cluster: ClientOf<typeof ClusterService>;
  readonly engines: EnginePort;
  readonly modelFile: InstancePorts["modelFile"];
  /** Where loads under way are written down; absent: nowhere. */
  readonly journal?: InstancePorts["journal"];
  readonly usage: HostUsage;
  /** Where figures go: to each frontend, from when it is told of until it is gone. */
  readonly targets: Pick<Telemetry, "addMetricTarget" | "removeMetricTarget">;
  /** Told what native links counted, where engines have any. */
  readonly counted?: (variant: string, figures: DirectFigures) => void;
}

/** What the processes of an executor use of its host. */
export interface HostUsage {
  /** CPU time of all of them, microseconds. */
  cpuUs(): number;
  /** Cores that batches run on now; absent: they are not shared out. */
  readonly coresInUse?: () => number;
  /** Memory that engines and queries take, bytes; absent: it is not measured. */
  readonly takenBytes?: () => number;
  /** Name and resident memory of every process. */
  processes(): readonly { readonly name: string; readonly residentBytes: number }[];
}

/** Whoever serves queries: told which instance answers for a variant from now on; undefined: none. */
export type ServingListener = (variant: string, instance: Instance | undefined) => void;

/** Where frontends reach an executor. */
export interface ReachedAt {
  /** host:port that frontends are told. */
  readonly address: string;
  /** host:port of the native links; empty = none. */
  readonly linkAddress: string;
  /** Engine processes that serve links in place of this one; null: there are none. */
  readonly processes: {
    lines(): readonly ProcessLine[];
    onChange(listener: () => void): void;
  } | null;
}

type Config = Pick<
  ExecutorConfig,
  | "name"
  | "hostType"
  | "device"
  | "cores"
  | "memoryBytes"
  | "pricePerHour"
  | "leaseTtlMs"
  | "queueRowsMax"
  | "queueBytesMax"
>;

/** How often memory is measured. */
const REMEASURE_PERIOD_MS = 250;

/**
 * An executor without sockets, processes and devices: the instances that it holds and is to hold, what they do, and its
 * membership. Servers of links ask `executor` for instances and count in `figures`.
 */
export class ExecutorCore {
  readonly executor: Executor;
  readonly figures: LiveFigures;
  readonly utilisation: Utilisation;
  readonly reporter: Reporter;
  private readonly batching: BatchingWatch;
  private readonly listeners: ServingListener[] = [];
  private readonly measuring: Timer;
  private leave: (() => Promise<void>) | null = null;

  constructor(
    private readonly config: Config,
    private readonly ports: ExecutorCorePorts,
  ) {
    const { clock, logger, cluster, engines, modelFile, journal, usage, counted } = ports;
    const { name, memoryBytes, cores, queueRowsMax, queueBytesMax } = config;
    this.figures = new LiveFigures(clock, counted);
    this.executor = new Executor({
      name,
      memoryBytes,
      ports: {
        ...{ clock, engines, modelFile, queueRowsMax, queueBytesMax },
        ...(journal === undefined ? {} : { journal }),
      },
      logger,
      ...(usage.takenBytes === undefined ? {} : { takenBytes: usage.takenBytes }),
      onServing: (variant, instance) => {
        for (const listener of this.listeners) listener(variant, instance);
      },
    });
    const { executor, figures } = this;
    this.utilisation = new Utilisation(clock, cores, () => usage.cpuUs());
    this.batching = new BatchingWatch({
      executor,
      clock,
      logger,
      record: (end) => cluster.endBatching(end, { timeoutMs: RECORD_CALL_TIMEOUT_MS }),
    });
    this.reporter = new Reporter(executor, this.utilisation, clock);
    this.measuring = every(
      clock,
      REMEASURE_PERIOD_MS,
      () => executor.remeasure(),
      () => undefined,
    );
    executor.onChange(() => figures.keepOnly(new Set(executor.held().map((instance) => instance.spec.name))));
  }

  /** Calls `listener`, before whoever follows changes, with each instance that begins or ends to answer for its variant. */
  onServing(listener: ServingListener): void {
    this.listeners.push(listener);
  }

  /** All that is exported, as it is now. */
  told(): ToldFigures {
    const { executor, figures, batching, utilisation } = this;
    const { clock, usage } = this.ports;
    return readFigures({
      executor,
      figures,
      batching,
      utilisation,
      clock,
      coresInUse: usage.coresInUse,
      processes: () => usage.processes(),
    });
  }

  /** Makes it a member: from now on it holds what metadata says, and reports it. */
  join({ address, linkAddress, processes }: ReachedAt): void {
    const { config, ports, executor } = this;
    const { cluster, targets } = ports;
    const world = { ...ports, telemetry: targets };
    this.leave = joinCluster(config, world, { cluster, executor, processes, address, linkAddress });
  }

  /** Drains every instance within `drainMs`, then leaves the cluster. */
  async stop(drainMs: number): Promise<void> {
    this.measuring.cancel();
    this.batching.stop();
    await this.executor.stop(drainMs);
    await this.leave?.();
  }
}
