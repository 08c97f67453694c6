import { type Host, HostState, InstancePhase } from "@infaas/api";
import { followMetadata, RecordTable } from "@infaas/cluster";
import { createLogger } from "@infaas/runtime";
import type { SimulatedCluster } from "./simulated-cluster";

/** Hosts that somebody asked for and nobody has given up. */
const WANTED: ReadonlySet<HostState> = new Set([HostState.REQUESTED, HostState.STARTING, HostState.UP]);
const LEAVING: ReadonlySet<HostState> = new Set([HostState.DRAINING, HostState.GONE]);
/** Faults that are told of one run. */
const FAULTS_MAX = 8;
const WATCHER_STREAM = 90;

/**
 * What holds after every event: one leader in a term, no more hosts than there may be, no host with two processes, no variant
 * twice in a placement, and no change of records that takes the last ready instance away while there is demand.
 */
export class Invariants {
  readonly faults: string[] = [];
  /** Queries come: the last ready instance may not be taken away. */
  hasDemand = false;
  private readonly leaders = new Map<bigint, string>();
  private readonly records = new RecordTable();
  private readonly ending = new AbortController();
  private serving: ReadonlySet<string> = new Set();
  private readonly watching: Promise<void>;

  constructor(
    private readonly cluster: SimulatedCluster,
    private readonly maxHosts: number,
  ) {
    const { clock } = cluster;
    const { records } = this;
    this.watching = followMetadata({
      cluster: cluster.connect().cluster,
      clock,
      random: cluster.randomOf(WATCHER_STREAM),
      logger: createLogger({ service: "invariants", level: "error" }),
      signal: this.ending.signal,
      listener: {
        get revision() {
          return records.revision;
        },
        received: (response) => {
          records.apply(response, clock.nowMs());
          if (records.isComplete) this.checkRecords();
        },
        interrupted: () => records.interrupted(),
      },
    });
  }

  /** After every event: O(frontends). */
  check(): void {
    for (const { name, core, alive } of this.cluster.frontends.values()) {
      const { term } = core;
      if (!alive || term === null) continue;
      const leader = this.leaders.get(term) ?? name;
      this.leaders.set(term, leader);
      if (leader !== name) this.fault(`${leader} and ${name} both lead in term ${term}`);
    }
  }

  async stop(): Promise<void> {
    this.ending.abort();
    await this.cluster.clock.advance(0);
    await this.watching;
  }

  /** States of hosts that are on their way somewhere. */
  get unsettled(): readonly string[] {
    const hosts = [...this.records.all("host")];
    return hosts
      .filter(({ state }) => state !== HostState.UP && state !== HostState.GONE)
      .map(({ name, state }) => `${name} is ${HostState[state]}`);
  }

  private checkRecords(): void {
    const hosts = new Map([...this.records.all("host")].map((host) => [host.name, host]));
    const wanted = [...hosts.values()].filter(({ state }) => WANTED.has(state)).length;
    if (wanted > this.maxHosts) this.fault(`${wanted} hosts are wanted, ${this.maxHosts} may be there`);
    const placed = new Set<string>();
    for (const { executor, variants } of this.records.all("executorPlacement")) {
      for (const { variant } of variants) {
        const key = `${variant} on ${executor}`;
        if (placed.has(key)) this.fault(`${key} is placed twice`);
        placed.add(key);
      }
    }
    this.checkServing(hosts, placed);
  }

  /** By what is recorded: the leader can know no more. */
  private checkServing(hosts: ReadonlyMap<string, Host>, placed: ReadonlySet<string>): void {
    const accepting = new Map([...this.records.all("member")].map((m) => [m.name, m.accepting]));
    const ready = new Set<string>();
    const serving = new Set<string>();
    for (const { executor, instances } of this.records.all("report")) {
      // Its provider has seen the process end; nobody took anything away.
      const isLost = (hosts.get(executor)?.fault ?? "") !== "";
      if (!accepting.has(executor) || isLost) continue;
      for (const { variant, phase } of instances) {
        const key = `${variant} on ${executor}`;
        if (phase !== InstancePhase.READY) continue;
        ready.add(key);
        const isLeaving = LEAVING.has(hosts.get(executor)?.state ?? HostState.UP);
        if (placed.has(key) && accepting.get(executor) === true && !isLeaving) serving.add(key);
      }
    }
    const taken = [...this.serving].filter((key) => ready.has(key) && !serving.has(key));
    if (this.hasDemand && serving.size === 0 && taken.length > 0)
      this.fault(`${taken.join(", ")} was the last ready instance, and was taken away`);
    this.serving = serving;
  }

  private fault(what: string): void {
    if (this.faults.length < FAULTS_MAX)
      this.faults.push(`at ${(this.cluster.clock.nowMs() / 1_000).toFixed(3)} s: ${what}`);
  }
}
