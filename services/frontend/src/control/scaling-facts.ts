import { HostState, InstancePhase } from "@infaas/api";
import {
  adequateEntries,
  type ClassDemand,
  classKey,
  drainMsAt,
  type HostPool,
  type PhaseTime,
  plannedRows,
  type ScaledHost,
  type ScalingFacts,
} from "@infaas/policy";
import type { ClusterView, HostProviderMember } from "../view/cluster-view";
import type { DemandTable } from "../view/demand-table";
import { figureAgeMaxMs } from "../view/figure-age";
import { isAnswered } from "../view/load-answer";

/** Where the state of scaling is read. */
export interface ScalingSources {
  readonly view: ClusterView;
  readonly table: DemandTable;
  /** How often frontends tell what they are asked. */
  readonly periodMs: number;
  readonly nowMs: number;
  /** The same moment by the clock that records are written by. */
  readonly epochMs: number;
}

/** Longest that queries without a latency objective are meant to wait. */
const UNSTATED_QUEUE_MS = 1_000;

const states: ReadonlyMap<HostState, ScaledHost["state"]> = new Map([
  [HostState.REQUESTED, "requested"],
  [HostState.STARTING, "starting"],
  [HostState.UP, "up"],
  [HostState.DRAINING, "draining"],
]);

/** What is known of starts of hosts. */
export interface StartFacts {
  /** See `ScalingFacts`. */
  readonly startsRestUntilMs: number | null;
  readonly startTime: PhaseTime | null;
}

/** Returns the state that hosts of this provider are planned from. */
export function scalingFacts(
  { name, pool }: HostProviderMember,
  sources: ScalingSources,
  starts: StartFacts,
): ScalingFacts {
  const { view, nowMs } = sources;
  const catalog = view.catalog.servable;
  const demand = demandOf(sources);
  return {
    nowMs,
    catalog,
    pool: poolOf(pool),
    hosts: view.hosts
      .filter((host) => host.provider === name)
      .flatMap((host) => scaledHost(sources, pool, host)),
    ending: view.hosts.filter((h) => h.provider === name && h.state === HostState.GONE && h.fault === "")
      .length,
    demand,
    demandKnown: view.frontends.every((f) => isFresh(f.name, sources)),
    overdueMs: overdueMost(view, demand, nowMs),
    expectedLoads: view.loads.expected,
    isWished: isLoadWished(view),
    ...starts,
  };
}

/** Returns how many rows per second each class needs, by `classKey`. */
export function needsOf(sources: ScalingSources): ReadonlyMap<string, number> {
  const asked = demandOf(sources).filter((one) => one.arrivals > 0);
  return new Map(asked.map((one) => [classKey(one), plannedRows(one)]));
}

/** Whether a frontend needs a load that no executor is to hold yet. */
export function isLoadWished(view: ClusterView): boolean {
  for (const { requests } of view.loadRequests)
    if (requests.some((request) => !isAnswered(view, request))) return true;
  return false;
}

/** Whether queries of some class wait longer than it allows. */
export function isOverdue(sources: ScalingSources): boolean {
  return overdueMost(sources.view, demandOf(sources), sources.nowMs) > 0;
}

function poolOf(pool: HostProviderMember["pool"]): HostPool {
  const { hostType, pricePerHourUsd, cores, minHosts, maxHosts } = pool;
  return {
    hostType,
    pricePerHourUsd,
    cores: Math.max(1, Math.floor(cores)),
    memoryBytes: Number(pool.memoryBytes),
    deviceKinds: ["cpu"],
    minHosts,
    maxHosts,
  };
}

function scaledHost(
  { view, nowMs, epochMs }: ScalingSources,
  { billingMinimumMs }: HostProviderMember["pool"],
  { name, state, requestedEpochMs }: ClusterView["hosts"][number],
): ScaledHost[] {
  const scaled = states.get(state);
  if (scaled === undefined) return [];
  const placed = view.placementOf(name);
  const here = view.instances.filter((i) => i.executor === name).map((i) => i.variant);
  return [
    {
      name,
      state: scaled,
      withdrawn: scaled === "up" && view.executors.get(name)?.memberAccepting === false,
      ready: new Set(here),
      placed: new Set(placed.map((p) => p.variant)),
      loading: new Set(placed.map((p) => p.variant).filter((variant) => isLoading(view, variant, name))),
      removable: new Set(placed.filter((p) => p.reason !== "operator").map((p) => p.variant)),
      paidUntilMs: nowMs + requestedEpochMs + billingMinimumMs - epochMs,
    },
  ];
}

function isLoading(view: ClusterView, variant: string, executor: string): boolean {
  const phase = view.status(variant, executor)?.phase;
  return phase === InstancePhase.LOADING || phase === InstancePhase.PROBING;
}

/** Classes of names that are registered; of any other a query is refused, however many hosts there are. */
function demandOf({ view, table }: ScalingSources): readonly ClassDemand[] {
  return table.figures().flatMap(({ demandClass, latencyMs, arrivals, rate, rowsPerQuery, ...figures }) => {
    const found = view.catalog.find(demandClass.target, "");
    if (found.kind !== "found") return [];
    const { minAccuracy, objective, maxCostUsd, noDowngrade } = demandClass;
    const asked = {
      minAccuracy,
      latencyMs,
      objective,
      noDowngrade,
      ...(maxCostUsd === null ? {} : { maxCostUsd }),
    };
    return [
      { target: found.model.target, ...asked, rowsPerQuery, arrivals, rate, figures: { ...figures, rate } },
    ];
  });
}

function isFresh(frontend: string, { table, periodMs, nowMs }: ScalingSources): boolean {
  return table.ageMs(frontend, nowMs) <= figureAgeMaxMs(periodMs);
}

function overdueMost(view: ClusterView, demand: readonly ClassDemand[], nowMs: number): number {
  return Math.max(0, ...demand.map((one) => overdueMs(view, one, nowMs)));
}

/** How much longer than its objective the shortest queue is that a class may wait in; 0: it is not. */
function overdueMs(view: ClusterView, demand: ClassDemand, nowMs: number): number {
  if (demand.arrivals === 0) return 0;
  const names = new Set(adequateEntries(view.catalog.servable, demand).map((e) => e.variant.name));
  const queues = view.instances.filter((i) => names.has(i.variant)).map((i) => drainMsAt(i, nowMs));
  return queues.length === 0 ? 0 : Math.min(...queues) - (demand.latencyMs ?? UNSTATED_QUEUE_MS);
}
