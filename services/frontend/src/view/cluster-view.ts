import type { LinkLoad } from "@infaas/api";
import {
  deviceKindFromWire,
  type EngineProcess,
  type ExecutorFigures,
  type Host,
  type HostPool,
  type InstanceFigures,
  type InstanceStatus,
  type Job,
  type LoadRequests,
  type Member,
  MemberKind,
  type PlacedVariant,
  type PlanFreeze,
  type WatchResponse,
} from "@infaas/api";
import { RecordTable, type TableChanges, type WatchListener } from "@infaas/cluster";
import { LoadLedger, PLACEMENT_PRIORITY } from "@infaas/policy";
import type { Clock, Logger } from "@infaas/runtime";
import { buildCatalog, type Catalog } from "./catalog";
import { ChangeJournal } from "./change-journal";
import { type Endpoint, type ExecutorFacts, LiveExecutor, type LiveInstance } from "./live-instance";
import { endpointName, LiveInstances } from "./live-instances";
import type { FiguresSink } from "./otlp-receiver";
import { type PlacedInstance, PlacedInstances } from "./placed-instances";
import { StartTimes } from "./start-times";

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
 * Structure (what exists) follows metadata's changes, each at the cost of what it changes; load figures are written in place, O(1) each.
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
  /** What starts of hosts took, as far as this frontend has seen them. */
  readonly starts = new StartTimes();
  /** What loads took, as far as this frontend has seen them. */
  readonly loads = new LoadLedger();
  private readonly table = new RecordTable();
  private readonly live = new LiveInstances({
    variant: (name) => this.catalog.policy.variants.get(name)?.entries[0]?.variant,
    isRationed: (executor) => {
      const facts = this.executors.get(executor)?.facts;
      return facts !== undefined && facts.cpuCores < facts.cores;
    },
  });
  private readonly reachable = new Set<string>();
  private placed = new PlacedInstances();
  private readonly changeListeners: (() => void)[] = [];
  private readonly structureListeners: (() => void)[] = [];
  private readonly memberListeners: (() => void)[] = [];
  private heardMs: number | null = null;
  private connected = false;

  constructor(private readonly o: ViewOptions) {}

  /** Calls `listener` after each change of structure. */
  onStructure(listener: () => void): void {
    this.structureListeners.push(listener);
  }

  /** Calls `listener` after each change of anything but load figures. */
  onChange(listener: () => void): void {
    this.changeListeners.push(listener);
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

  /** Term of the leading frontend; null: none leads. */
  get leadTerm(): bigint | null {
    for (const leadership of this.table.all("leadership")) return leadership.term;
    return null;
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

  /** Offline queries, also those that have ended. */
  get jobs(): readonly Job[] {
    return [...this.table.all("job")];
  }

  /** Says that what is planned is not carried out; null: it is. */
  get freeze(): PlanFreeze | null {
    for (const freeze of this.table.all("freeze")) return freeze;
    return null;
  }

  /** Instances that executors should hold. */
  get placements(): Iterable<PlacedInstance> {
    return this.placed.all();
  }

  /** Executors with a record of what they should hold. */
  get placedExecutors(): Iterable<string> {
    return this.placed.executors;
  }

  /** What an executor should hold. */
  placementOf(executor: string): readonly PlacedVariant[] {
    return this.placed.on(executor);
  }

  /** Instances that there should be of a variant. */
  placedOn(variant: string): readonly PlacedInstance[] {
    return this.placed.of(variant);
  }

  /** Loads that frontends need, this one among them. */
  get loadRequests(): Iterable<LoadRequests> {
    return this.table.all("loadRequests");
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
    const changes = this.table.apply(response, this.heardMs);
    const { kinds } = changes;
    const recorded = this.journal.take(response, this.o.clock.epochMs());
    if (kinds.has("executorPlacement"))
      this.placed = new PlacedInstances(this.table.all("executorPlacement"));
    const isOfCatalog = kinds.has("task") || kinds.has("architecture") || kinds.has("variant");
    if (isOfCatalog) this.rebuildCatalog();
    if (kinds.has("member")) this.rebuildExecutors();
    if (kinds.has("host")) this.starts.take(this.hosts);
    for (const { variant, host, load } of recorded) {
      const hostType = this.executors.get(host)?.hostType;
      if (load !== undefined && hostType !== undefined) this.loads.add(variant, hostType, load);
    }
    if (this.followReports(changes, isOfCatalog) || kinds.has("member")) this.rebuildStructure();
    this.countEvictable(changes);
    if (kinds.has("member") || kinds.has("report")) for (const listener of this.memberListeners) listener();
    this.tellChange();
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
    this.rebuildStructure();
    this.tellChange();
  }

  /** An endpoint of the executor asked, over a link, to be taken out of rotation. */
  setDraining({ executor }: Pick<Endpoint, "executor">): void {
    const live = this.executors.get(executor);
    if (live === undefined || live.draining) return;
    live.draining = true;
    this.rebuildStructure();
    this.tellChange();
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
    this.live.get(figures.variant, figures.executor)?.exported(figures, this.o.clock.nowMs());
  }

  /** The ready instance of this variant there, or undefined. */
  instance(variant: string, executor: string): LiveInstance | undefined {
    const live = this.live.get(variant, executor);
    return live !== undefined && this.isServing(live) ? live : undefined;
  }

  /** What the executor last said about its instance of this variant, or undefined. */
  status(variant: string, executor: string): InstanceStatus | undefined {
    return this.live.status(variant, executor);
  }

  /** Every instance there is, ready or not, with its executor. */
  allStatuses(): Iterable<readonly [executor: string, status: InstanceStatus]> {
    return this.live.statuses();
  }

  private tellChange(): void {
    for (const listener of this.changeListeners) listener();
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

  /** Returns whether a ready instance came, went or is another now. A new catalog may have other objects for any variant. */
  private followReports({ puts, deleted }: TableChanges, isOfCatalog: boolean): boolean {
    if (puts === null || isOfCatalog) {
      this.live.replace(this.table.all("report"));
      return true;
    }
    let changed = false;
    for (const { value } of deleted)
      if (value.case === "report" && this.live.forget(value.value.executor)) changed = true;
    for (const { value } of puts) if (value.case === "report" && this.live.take(value.value)) changed = true;
    return changed;
  }

  private rebuildStructure(): void {
    this.instances = [...this.live.all()].filter((instance) => this.isServing(instance));
    this.structure++;
    for (const listener of this.structureListeners) listener();
  }

  private countEvictable({ puts, deleted }: TableChanges): void {
    const concerned = new Set<string>();
    for (const { value } of [...(puts ?? []), ...deleted])
      if (value.case === "report" || value.case === "executorPlacement") concerned.add(value.value.executor);
    for (const executor of this.executors.values())
      if (puts === null || concerned.has(executor.name)) this.countEvictableOf(executor);
  }

  /** Memory of idle instances, which the executor evicts for a query when it is short of memory. */
  private countEvictableOf(executor: LiveExecutor): void {
    const kept = new Set(
      this.placed
        .on(executor.name)
        .flatMap((p) => (p.priority > PLACEMENT_PRIORITY.requested ? [p.variant] : [])),
    );
    let bytes = 0;
    for (const instance of this.live.on(executor.name))
      if (instance.inFlight === 0 && !kept.has(instance.variant)) bytes += instance.memoryBytes;
    executor.memoryEvictableBytes = bytes;
  }

  private isServing(instance: LiveInstance): boolean {
    const accepting = this.executors.get(instance.executor)?.accepting ?? false;
    return accepting && this.reachable.has(instance.endpoint);
  }
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

function factsOf(member: Member) {
  return {
    name: member.name,
    address: member.address,
    linkAddress: member.linkAddress,
    incarnation: member.incarnation,
    hostType: member.hostType,
    deviceKinds: member.deviceKinds.flatMap((kind) => deviceKindFromWire(kind) ?? []),
    cores: member.cores,
    cpuCores: member.cpuCores > 0 ? member.cpuCores : member.cores,
    memoryBytes: Number(member.memoryBytes),
    pricePerHourUsd: member.pricePerHourUsd,
  };
}
