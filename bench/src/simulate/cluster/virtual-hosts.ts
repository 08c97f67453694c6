import { DeviceKind } from "@infaas/api";
import { type CpuBudgets, LocalHosts, type ProcessSpec, type ProcessWatch } from "@infaas/cli";
import { hostName } from "@infaas/policy";
import { Code, type Random, ServiceError, type Timer } from "@infaas/runtime";
import type { SimulatedCluster } from "./simulated-cluster";
import type { SimulatedExecutor } from "./simulated-executor";

/** How hosts come and go. */
export interface HostsOptions {
  readonly minHosts: number;
  readonly maxHosts: number;
  /** From asking for a host until its executor's process runs, ms; Infinity: it never comes. */
  readonly bootMs: (host: string) => number;
  /** From the end of a process until the next one runs on the same host, ms. */
  readonly restartMs: number;
  /** Least time that a host is billed for, ms. */
  readonly billedMinMs: number;
  readonly random: Random;
}

/** Dollars of hosts by what they were paid for. */
export interface Bill {
  readonly usd: number;
  /** Core time of batches and loads, of hosts that were coming, and what is left. */
  readonly usedUsd: number;
  readonly bootUsd: number;
  readonly idleUsd: number;
  readonly hostSeconds: number;
  readonly starts: number;
}

/** A host that is paid for. */
export interface Paid {
  readonly name: string;
  readonly fromMs: number;
  /** When its first process ran; null: it has not come. */
  cameMs: number | null;
  untilMs: number | null;
  /** Core milliseconds used by processes that have ended. */
  usedMs: number;
}

interface Running {
  readonly watch: ProcessWatch;
  executor: SimulatedExecutor | null;
  timer: Timer | null;
}

/** Time that a process gets to answer what it has accepted. */
const DRAIN_MS = 2_500;
const MS_PER_HOUR = 3_600_000;
const MS_PER_SECOND = 1_000;
/** Hosts of the simulation have their cores by `SharedCapacity`. */
const BUDGETS: CpuBudgets = {
  isEnforced: true,
  sentence: "each host has cores of its own",
  of: () => ({ prefix: [], started: () => undefined, ended: () => undefined }),
};

/** Hosts that the provider of 'infaas up' starts and ends, with processes of the simulation, and what they cost. */
export class VirtualHosts {
  private readonly running = new Map<string, Running>();
  /** Every host that was ever asked for. */
  readonly paid: Paid[] = [];
  private readonly provider: LocalHosts;

  constructor(
    private readonly cluster: SimulatedCluster,
    private readonly o: HostsOptions,
  ) {
    const { clock } = cluster;
    const { hostType, cores, memoryBytes, pricePerHourUsd } = cluster.o.host;
    const { minHosts, maxHosts, random } = o;
    this.provider = new LocalHosts({
      clock,
      random,
      cluster: cluster.connect().cluster,
      pool: {
        ...{ hostType, cores, pricePerHourUsd, minHosts, maxHosts },
        memoryBytes: BigInt(memoryBytes),
        deviceKinds: [DeviceKind.CPU],
        billingMinimumMs: o.billedMinMs,
      },
      group: {
        start: (spec, watch) => {
          if (watch === undefined) throw new ServiceError(Code.INTERNAL, "hosts are watched");
          this.begin(spec, watch);
        },
        end: (name) => void this.end(name),
      },
      budgets: BUDGETS,
      executorOf: (number) => ({ name: hostName(number), command: "executor", args: [] }),
      note: () => undefined,
    });
  }

  start(): void {
    this.provider.start();
  }

  /** Hosts whose bill runs: from their request until they have ended. */
  get count(): number {
    return this.paid.filter(({ untilMs }) => untilMs === null).length;
  }

  /** Names of the hosts whose executor runs. */
  get up(): readonly string[] {
    return [...this.running].flatMap(([name, { executor }]) => (executor === null ? [] : [name]));
  }

  /** Core milliseconds that batches and loads have taken on all hosts so far. */
  get usedMs(): number {
    let sum = 0;
    for (const { usedMs } of this.paid) sum += usedMs;
    for (const { executor } of this.running.values()) sum += executor?.cores.usedMs ?? 0;
    return sum;
  }

  /** The process of a host is killed; its provider sees it end. */
  kill(name: string): void {
    const one = this.running.get(name);
    if (one === undefined || one.executor === null) return;
    this.note(name, one.executor);
    one.executor.kill();
    this.running.delete(name);
    one.watch.ended("ended with SIGKILL: ");
  }

  /** What hosts have cost since the beginning. */
  bill(): Bill {
    const { pricePerHourUsd, cores } = this.cluster.o.host;
    const nowMs = this.cluster.clock.nowMs();
    const usdOf = (ms: number) => (ms * pricePerHourUsd) / MS_PER_HOUR;
    const sums = { paidMs: 0, bootMs: 0, usedMs: 0 };
    for (const { name, fromMs, cameMs, untilMs, usedMs } of this.paid) {
      const endMs = untilMs ?? nowMs;
      sums.paidMs += Math.max(this.o.billedMinMs, endMs - fromMs);
      sums.bootMs += (cameMs ?? endMs) - fromMs;
      const running = untilMs === null ? (this.running.get(name)?.executor?.cores.usedMs ?? 0) : 0;
      sums.usedMs += (usedMs + running) / cores;
    }
    const usd = usdOf(sums.paidMs);
    const [usedUsd, bootUsd] = [usdOf(sums.usedMs), usdOf(sums.bootMs)];
    const hostSeconds = sums.paidMs / MS_PER_SECOND;
    return { usd, usedUsd, bootUsd, idleUsd: usd - usedUsd - bootUsd, hostSeconds, starts: this.paid.length };
  }

  /** Follows no more; processes stay. */
  async stop(): Promise<void> {
    const stopping = this.provider.stop();
    await this.cluster.clock.advance(DRAIN_MS);
    await stopping;
  }

  private begin({ name }: ProcessSpec, watch: ProcessWatch): void {
    const { clock } = this.cluster;
    const paid = this.paidFor(name) ?? this.payFor(name);
    const one: Running = { watch, executor: null, timer: null };
    this.running.set(name, one);
    const inMs = paid.cameMs === null ? this.o.bootMs(name) : this.o.restartMs;
    if (!Number.isFinite(inMs)) return;
    one.timer = clock.setTimer(inMs, () => {
      paid.cameMs ??= clock.nowMs();
      watch.started(0);
      one.executor = this.cluster.startExecutor(name);
    });
  }

  private async end(name: string): Promise<void> {
    const one = this.running.get(name);
    if (one === undefined) return;
    one.timer?.cancel();
    await one.executor?.stop(DRAIN_MS);
    if (this.running.get(name) !== one) return;
    if (one.executor !== null) this.note(name, one.executor);
    this.running.delete(name);
    const paid = this.paidFor(name);
    if (paid !== undefined) paid.untilMs = this.cluster.clock.nowMs();
    one.watch.ended("ended with SIGTERM: ");
  }

  private note(name: string, executor: SimulatedExecutor): void {
    const paid = this.paidFor(name);
    if (paid !== undefined) paid.usedMs += executor.cores.usedMs;
  }

  private paidFor(name: string): Paid | undefined {
    return this.paid.find((one) => one.name === name && one.untilMs === null);
  }

  private payFor(name: string): Paid {
    const fromMs = this.cluster.clock.nowMs();
    const paid: Paid = { name, fromMs, cameMs: null, untilMs: null, usedMs: 0 };
    this.paid.push(paid);
    return paid;
  }
}
