import type { LinkLoad } from "@infaas/api";
import {
  type EngineProcess,
  type Host,
  type HostPool,
  InstancePhase,
  type InstanceStatus,
  type Member,
  MemberKind,
  type Placement,
  type PlanFreeze,
  type WatchResponse,
  DeviceKind as WireDeviceKind,
} from "@infaas/api";
import { RecordTable, type WatchListener } from "@infaas/cluster";
import { type DeviceKind, LoadLedger, type Variant } from "@infaas/policy";
import type { Clock, Logger } from "@infaas/runtime";
import { buildCatalog, type Catalog } from "./catalog";
import { ChangeJournal } from "./change-journal";
import { type Endpoint, type ExecutorFacts, LiveExecutor, LiveInstance } from "./live-instance";
import type { ExecutorFigures, FiguresSink, InstanceFigures } from "./otlp-receiver";

/** A member that starts and stops hosts. */
export interface HostProviderMember {
  readonly name: string;
  readonly pool: HostPool;
}

export interface ViewOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Figures of executors that are older say nothing any more. */
  readonly figureAgeMaxMs: number;
}

/**
 * What this frontend knows of the cluster: the registry, the members, their instances and how loaded they are.
 * Structure (what exists) is rebuilt with metadata's changes; load figures are written in place, O(1) each.
 * While metadata is away the view stays as it was, and `ageMs` says for how long.
 */
export class ClusterView implements FiguresSink, WatchListener {
  catalog: Catalog = buildCatalog({ tasks: [], architectures: [], variants: [] });
  /** Executors by name. */
  readonly executors = new Map<string, LiveExecutor>();
  /** Ready instances on executors that can be reached. */
  instances: readonly LiveInstance[] = [];
  /** Number of the structure: grows with each change of catalog, executors or instances. */
  structure = 0;
  readonly journal = new ChangeJournal();
  /** What loads took, as far as this frontend has seen them. */
  readonly loads = new LoadLedger();
  private readonly table = new RecordTable();
  private readonly known = new Map<string, LiveInstance>();
  private readonly reachable = new Set<string>();
  private readonly statuses = new Map<string, readonly [executor: string, status: InstanceStatus]>();
  private readonly structureListeners: (() => void)[] = [];
  private readonly memberListeners: (() => void)[] = [];
  private heardMs: number | null = null;
  private connected = false;

  constructor(private readonly o: ViewOptions) {}

  /** Calls `listener` after each change of structure. */
  onStructure(listener: () => void): void {
    this.structureListeners.push(listener);
  }

  /** Calls `listener` after executors came, went or moved. */
  onMembers(listener: () => void): void {
    this.memberListeners.push(listener);
  }

  /** True once a first snapshot has arrived. */
  get isReady(): boolean {
    return this.table.isComplete;
  }

  get revision(): bigint {
    return this.table.revision;
  }

  /** Milliseconds since metadata was last heard while its watch stood; Infinity before the first watch. */
  get ageMs(): number {
    return this.heardMs === null ? Number.POSITIVE_INFINITY : this.o.clock.nowMs() - this.heardMs;
  }

  /** Name of the leading frontend, empty when none leads. */
  get leader(): string {
    for (const leadership of this.table.all("leadership")) return leadership.member;
    return "";
  }

  /** Frontends that are members, this one among them. */
  get frontends(): readonly Member[] {
    return [...this.table.all("member")].filter(({ kind }) => kind === MemberKind.FRONTEND);
  }

  /** The member that starts and stops hosts, the first by name; null: hosts do not come and go. */
  get hostProvider(): HostProviderMember | null {
    const providers = [...this.table.all("member")].flatMap(({ name, kind, pool }) =>
      kind === MemberKind.HOST_PROVIDER && pool !== undefined ? [{ name, pool }] : [],
    );
    return providers.sort((a, b) => (a.name < b.name ? -1 : 1))[0] ?? null;
  }

  /** Hosts that come and go, by their records. */
  get hosts(): readonly Host[] {
    return [...this.table.all("host")];
  }

  /** Says that what is planned is not carried out; null: it is. */
  get freeze(): PlanFreeze | null {
    for (const freeze of this.table.all("freeze")) return freeze;
    return null;
  }

  get placements(): Iterable<Placement> {
    return this.table.all("placement");
  }

  /**
   * Metadata answered a call. Calls and watch share one connection, so while the watch stands an answer says that no
   * change is missing. Once it broke, only a new watch resets the age.
   */
  heard(): void {
    if (this.connected) this.heardMs = this.o.clock.nowMs();
  }

  /** What metadata says; see `followMetadata`. */
  received(response: WatchResponse): void {
    this.heardMs = this.o.clock.nowMs();
    this.connected = true;
    const changed = this.table.apply(response, this.heardMs);
    const recorded = this.journal.take(response, this.o.clock.epochMs());
    if (changed.has("task") || changed.has("architecture") || changed.has("variant")) this.rebuildCatalog();
    if (changed.has("member")) this.rebuildExecutors();
    for (const { variant, host, load } of recorded) {
      const hostType = this.executors.get(host)?.hostType;
      if (load !== undefined && hostType !== undefined) this.loads.add(variant, hostType, load);
    }
    if (changed.size > 0) this.rebuildInstances();
    if (changed.has("member") || changed.has("report"))
      for (const listener of this.memberListeners) listener();
  }

  interrupted(): void {
    this.table.interrupted();
    this.connected = false;
  }

  /** Where links to executors lead: their engine processes, or an executor itself where it has none. */
  endpoints(): Endpoint[] {
    const processes = new Map<string, readonly EngineProcess[]>();
    for (const report of this.table.all("report")) processes.set(report.executor, report.processes);
    return [...this.executors.values()].flatMap(({ facts }) =>
      endpointsOf(facts, processes.get(facts.name) ?? []),
    );
  }

  /** State of the links to an endpoint. */
  setReachable(endpoint: Pick<Endpoint, "name" | "executor">, reachable: boolean): void {
    if (this.reachable.has(endpoint.name) === reachable) return;
    if (reachable) this.reachable.add(endpoint.name);
    else this.reachable.delete(endpoint.name);
    const live = this.executors.get(endpoint.executor);
    if (live === undefined) return;
    live.reachable = this.endpoints().some(
      ({ executor, name }) => executor === live.name && this.reachable.has(name),
    );
    this.rebuildInstances();
  }

  /** An endpoint of the executor asked, over a link, to be taken out of rotation. */
  setDraining({ executor }: Pick<Endpoint, "executor">): void {
    const live = this.executors.get(executor);
    if (live === undefined || live.draining) return;
    live.draining = true;
    this.rebuildInstances();
  }

  /** In-band report that came with an answer of `instance`. */
  report(instance: LiveInstance, load: LinkLoad, nowMs: number): void {
    instance.reported(load.drainMs, nowMs);
    this.executors.get(instance.executor)?.reported(load, nowMs);
  }

  executorFigures(figures: ExecutorFigures): void {
    const { executor, utilisation, memoryFreeBytes, memoryResidentBytes, inFlight } = figures;
    const live = this.executors.get(executor);
    if (live === undefined) return;
    const nowMs = this.o.clock.nowMs();
    live.toldMs = nowMs;
    if (inFlight !== null) live.inFlight = { queries: inFlight, toldMs: nowMs };
    live.utilisation = utilisation ?? live.utilisation;
    live.memoryFreeBytes = memoryFreeBytes ?? live.memoryFreeBytes;
    live.memoryResidentBytes = memoryResidentBytes ?? live.memoryResidentBytes;
  }

  instanceFigures(figures: InstanceFigures): void {
    this.known.get(instanceKey(figures.variant, figures.executor))?.exported(figures, this.o.clock.nowMs());
  }

  /** The ready instance of this variant there, or undefined. */
  instance(variant: string, executor: string): LiveInstance | undefined {
    const live = this.known.get(instanceKey(variant, executor));
    return live !== undefined && this.isServing(live) ? live : undefined;
  }

  /** What the executor last said about its instance of this variant, or undefined. */
  status(variant: string, executor: string): InstanceStatus | undefined {
    return this.statuses.get(instanceKey(variant, executor))?.[1];
  }

  /** Every instance there is, ready or not, with its executor. */
  allStatuses(): Iterable<readonly [executor: string, status: InstanceStatus]> {
    return this.statuses.values();
  }

  private rebuildCatalog(): void {
    this.catalog = buildCatalog({
      tasks: this.table.all("task"),
      architectures: this.table.all("architecture"),
      variants: this.table.all("variant"),
    });
    for (const fault of this.catalog.faults) this.o.logger.warn("unusable record", { fault });
  }

  private rebuildExecutors(): void {
    const seen = new Set<string>();
    for (const member of this.table.all("member")) {
      if (member.kind !== MemberKind.EXECUTOR) continue;
      seen.add(member.name);
      this.executors.set(member.name, this.executorFrom(member));
    }
    for (const name of this.executors.keys()) if (!seen.has(name)) this.executors.delete(name);
  }

  private executorFrom(member: Member): LiveExecutor {
    const known = this.executors.get(member.name);
    const isSameLife =
      known?.facts.incarnation === member.incarnation && known.facts.address === member.address;
    const { clock, figureAgeMaxMs } = this.o;
    const isOld = (toldMs: number) => clock.nowMs() - toldMs > figureAgeMaxMs;
    const live =
      known !== undefined && isSameLife ? known : new LiveExecutor(factsOf(member), clock.nowMs(), isOld);
    live.memberAccepting = member.accepting;
    return live;
  }

  private rebuildInstances(): void {
    const { variants } = this.catalog.policy;
    const before = new Map(this.known);
    this.known.clear();
    this.statuses.clear();
    for (const report of this.table.all("report")) {
      for (const status of report.instances) {
        const key = instanceKey(status.variant, report.executor);
        this.statuses.set(key, [report.executor, status]);
        const variant = variants.get(status.variant)?.entries[0]?.variant;
        if (status.phase !== InstancePhase.READY || variant === undefined) continue;
        this.known.set(key, this.reuse(before.get(key), variant, report.executor, status));
      }
    }
    this.countEvictable();
    this.instances = [...this.known.values()].filter((instance) => this.isServing(instance));
    this.structure++;
    for (const listener of this.structureListeners) listener();
  }

  /** Memory of idle instances, which the executor evicts when it is short of memory. */
  private countEvictable(): void {
    for (const executor of this.executors.values()) executor.memoryEvictableBytes = 0;
    for (const instance of this.known.values()) {
      const executor = this.executors.get(instance.executor);
      if (executor !== undefined && instance.inFlight === 0)
        executor.memoryEvictableBytes += instance.memoryBytes;
    }
  }

  private reuse(
    known: LiveInstance | undefined,
    variant: Variant,
    executor: string,
    status: InstanceStatus,
  ): LiveInstance {
    const endpoint = endpointName(executor, status.process);
    if (known !== undefined && known.profiled === variant && known.endpoint === endpoint) return known;
    const facts = this.executors.get(executor)?.facts;
    const isRationed = facts !== undefined && facts.cpuCores < facts.cores;
    return new LiveInstance(variant, executor, endpoint, Number(status.memoryBytes), isRationed);
  }

  private isServing(instance: LiveInstance): boolean {
    const accepting = this.executors.get(instance.executor)?.accepting ?? false;
    return accepting && this.reachable.has(instance.endpoint);
  }
}

function endpointName(executor: string, process: string): string {
  return process === "" ? executor : `${executor} ${process}`;
}

function endpointsOf(facts: ExecutorFacts, processes: readonly EngineProcess[]): Endpoint[] {
  const { name, address, linkAddress, incarnation } = facts;
  if (processes.length === 0)
    return [{ name, executor: name, address, linkAddress, incarnation, parentAddress: null }];
  return processes.map((process) => ({
    name: endpointName(name, process.name),
    executor: name,
    address: process.address,
    linkAddress: process.linkAddress,
    incarnation: process.incarnation,
    parentAddress: address,
  }));
}

function instanceKey(variant: string, executor: string): string {
  return `${executor}\n${variant}`;
}

function factsOf(member: Member) {
  return {
    name: member.name,
    address: member.address,
    linkAddress: member.linkAddress,
    incarnation: member.incarnation,
    hostType: member.hostType,
    deviceKinds: member.deviceKinds.flatMap(deviceKindFrom),
    cores: member.cores,
    cpuCores: member.cpuCores > 0 ? member.cpuCores : member.cores,
    memoryBytes: Number(member.memoryBytes),
    pricePerHourUsd: member.pricePerHourUsd,
  };
}

function deviceKindFrom(kind: WireDeviceKind): DeviceKind[] {
  if (kind === WireDeviceKind.CPU) return ["cpu"];
  if (kind === WireDeviceKind.CUDA) return ["cuda"];
  return [];
}
