import type { VariantEntry } from "../catalog";
import { costPerQueryUsd } from "../cost";
import { explainDecision } from "../explanation";
import type { Policy } from "../policy";
import { type HostChange, mostHosts, planRemoval, planStarts, withdrawals } from "../scaling/host-changes";
import { figure } from "../scaling/host-load";
import type { PlacementStep } from "../scaling/placement-steps";
import type { ScalingOptions, ScalingPlan } from "../scaling/plan-scaling";
import { activeHosts, type HostPool, type ScalingFacts, withWish } from "../scaling/scaling-facts";
import type { ScalingMemory } from "../scaling/scaling-memory";
import { selectVariant } from "../selection";
import { type PaperClass, paperClasses, paperSeats, type Seat, serving } from "./paper-seats";
import { readSettings, type Setting } from "./settings";

const SETTINGS = {
  "period-s": {
    default: 30,
    min: 1,
    max: 3_600,
    doc: "Seconds between two steps of one target. Its controller has an interval for operators to set; half a minute is as long as the fastest host takes.",
  },
  saturated: {
    default: 0.8,
    min: 0.1,
    max: 1,
    doc: "Share of its saturation throughput from which on a replica counts as full, as its controller has it of a cache.",
  },
  spare: {
    default: 0.1,
    min: 0,
    max: 0.9,
    doc: "What replicas must have left below that in the mean, as its controller has it.",
  },
} as const satisfies Record<string, Setting>;
const MS_PER_SECOND = 1_000;
/** Of `spareSinceMs`: when the last step was, and since when each host is empty. No variant is named so: a name has no space. */
const STEP_KEY = "last step";
const emptyKey = (host: string) => `empty ${host}`;

interface Thresholds {
  readonly periodMs: number;
  /** Share of its throughput that a target's replicas may be used to. */
  readonly usedMost: number;
}

/**
 * An autoscaler over variants by saturation, as the workload variant autoscaler of Kubernetes, for comparison: each period, and for each
 * target, one replica more of the cheapest variant where the ready ones are used beyond their threshold, one fewer of the dearest
 * where the others would stay below it; none while one is on its way. What it leaves to the cluster: a replica needs the cores of a
 * host for itself, a host is added while a replica finds none, and one that has been empty for `holdMs` goes.
 */
export function wva(told: readonly string[]): Policy {
  const { "period-s": period, saturated, spare } = readSettings("wva", SETTINGS, told);
  const thresholds = { periodMs: period * MS_PER_SECOND, usedMost: Math.max(0, saturated - spare) };
  return {
    name: "wva",
    select: selectVariant,
    explain: explainDecision,
    planDue(before, { nowMs, structure }) {
      if (before === null) return "there is no plan yet";
      if (structure !== before.structure) return "members, hosts or instances changed";
      return nowMs - before.atMs >= MS_PER_SECOND ? "a second has passed" : null;
    },
    *planScaling(facts, before, o) {
      yield;
      return planBySaturation(withWish(facts), before, o, thresholds);
    },
  };
}

function planBySaturation(
  facts: ScalingFacts,
  before: ScalingMemory,
  o: ScalingOptions,
  { periodMs, usedMost }: Thresholds,
): ScalingPlan {
  const { pool, nowMs } = facts;
  const seats = paperSeats(facts);
  const steps: Steps = { loads: [], unloads: [], lacking: null };
  const classes = paperClasses(facts);
  const lastMs = before.spareSinceMs?.get(STEP_KEY) ?? Number.NEGATIVE_INFINITY;
  const isDue = nowMs - lastMs >= periodMs && facts.demandKnown;
  for (const [target, own] of byTarget(classes)) {
    const replicas = replicasOf(facts, seats, own);
    // A replica that waited for a host is no new step.
    if (isDue || replicas.ready.length === 0) step(facts, { target, own, replicas, seats, usedMost }, steps);
  }
  const isStep = steps.loads.length + steps.unloads.length > 0;
  const since = emptySince(facts, before, seats);
  if (isStep || Number.isFinite(lastMs)) since.set(STEP_KEY, isStep ? nowMs : lastMs);
  const hosts = hostsOf(facts, { o, classes, lacking: steps.lacking, since });
  const usd = hosts.wanted * pool.pricePerHourUsd;
  return {
    wantedHosts: hosts.wanted,
    changes: [...withdrawals(facts), ...hosts.changes],
    placements: steps.loads,
    unloads: steps.unloads,
    retired: new Set(),
    retained: new Map(),
    waits: [],
    hosts: [],
    explain: () => [],
    price: { hosts: usd, loads: 0, penalties: 0, unserved: 0, total: usd },
    plannedRows: new Map(classes.map(({ key, rowsPerSecond }) => [key, rowsPerSecond])),
    isSettled: !isStep && hosts.changes.length === 0,
    summary: `${activeHosts(facts).length} of ${pool.minHosts} to ${pool.maxHosts} hosts, ${hosts.wanted} wanted; ${hosts.because}`,
    memory: { ...before, atMs: nowMs, holdMs: o.holdMs, spareSinceMs: since },
  };
}

interface Steps {
  readonly loads: PlacementStep[];
  readonly unloads: PlacementStep[];
  /** A target whose replica finds no host. */
  lacking: string | null;
}

/** What answers one target: ready, and how much that takes; what is on its way. */
interface Replicas {
  readonly ready: readonly Seat[];
  readonly pending: number;
  /** Rows per second that all ready ones answer at most. */
  readonly capacity: number;
}

interface StepFacts {
  readonly target: string;
  readonly own: readonly PaperClass[];
  readonly replicas: Replicas;
  readonly seats: readonly Seat[];
  readonly usedMost: number;
}

function step(
  facts: ScalingFacts,
  { target, own, replicas, seats, usedMost }: StepFacts,
  steps: Steps,
): void {
  const { pool } = facts;
  const { ready, pending, capacity } = replicas;
  if (pending > 0) return;
  const rows = own.reduce((sum, one) => sum + one.rowsPerSecond, 0);
  const used = capacity > 0 ? rows / capacity : Number.POSITIVE_INFINITY;
  const byPrice = (a: VariantEntry, b: VariantEntry) =>
    costPerQueryUsd(a.variant, pool) - costPerQueryUsd(b.variant, pool) || a.index - b.index;
  if (used > usedMost) {
    const cheapest = [...ableOf(own)].sort(byPrice)[0];
    if (cheapest === undefined) return;
    const executor = hostFor(facts, [...seats, ...seatsOf(facts, steps.loads)], cheapest);
    const because = `the replicas of '${target}' are used to ${figure(used)}, more than ${figure(usedMost)}`;
    if (executor === null) steps.lacking = target;
    else steps.loads.push({ variant: cheapest.variant.name, executor, because });
    return;
  }
  const removable = ready.filter(({ host, entry }) =>
    facts.hosts.some(({ name, removable: may }) => name === host && may?.has(entry.variant.name) === true),
  );
  const dearest = [...removable].sort((a, b) => byPrice(b.entry, a.entry) || (a.host < b.host ? 1 : -1))[0];
  if (dearest === undefined || ready.length < 2) return;
  const left = capacity - dearest.entry.variant.profile.saturationPerSecond;
  if (left <= 0 || rows / left > usedMost) return;
  const because = `without it the replicas of '${target}' are used to ${figure(rows / left)}`;
  steps.unloads.push({ variant: dearest.entry.variant.name, executor: dearest.host, because });
}

function byTarget(classes: readonly PaperClass[]): ReadonlyMap<string, readonly PaperClass[]> {
  const targets = new Map<string, PaperClass[]>();
  for (const one of classes) {
    const own = targets.get(one.demand.target.name) ?? [];
    own.push(one);
    targets.set(one.demand.target.name, own);
  }
  return targets;
}

/** Variants that may answer every class of a target. */
function ableOf(own: readonly PaperClass[]): readonly VariantEntry[] {
  const [first, ...rest] = own;
  return (first?.able ?? []).filter((entry) => rest.every(({ able }) => able.includes(entry)));
}

function replicasOf(facts: ScalingFacts, seats: readonly Seat[], own: readonly PaperClass[]): Replicas {
  const able = ableOf(own);
  const mine = seats.filter(({ entry }) => able.includes(entry));
  const hosts = new Map(facts.hosts.map((host) => [host.name, host]));
  const ready = mine.filter(({ host, entry }) => hosts.get(host)?.ready.has(entry.variant.name) === true);
  const capacity = ready.reduce((sum, { entry }) => sum + entry.variant.profile.saturationPerSecond, 0);
  return { ready, pending: mine.length - ready.length, capacity };
}

function seatsOf({ catalog }: ScalingFacts, steps: readonly PlacementStep[]): readonly Seat[] {
  return steps.flatMap(({ variant, executor: host }) => {
    const entry = catalog.variants.get(variant)?.entries[0];
    return entry === undefined ? [] : [{ host, entry, rows: 0 }];
  });
}

/** The fullest host that has the cores and the memory, and not this variant; null: there is none. */
function hostFor(facts: ScalingFacts, seats: readonly Seat[], entry: VariantEntry): string | null {
  const { pool } = facts;
  const able = serving(facts).flatMap(({ name }) => {
    const there = seats.filter(({ host }) => host === name);
    const cores = there.reduce((sum, seat) => sum + shareOf(seat.entry, pool), shareOf(entry, pool));
    const bytes = there.reduce((sum, seat) => sum + bytesOf(seat.entry), bytesOf(entry));
    const fits = cores <= 1 && bytes <= pool.memoryBytes && !there.some((seat) => seat.entry === entry);
    return fits ? [{ name, cores }] : [];
  });
  return able.sort((a, b) => b.cores - a.cores)[0]?.name ?? null;
}

function bytesOf({ variant }: VariantEntry): number {
  return variant.profile.peakMemoryBytes;
}

/** Of its host's cores that a replica asks for; at most all. */
function shareOf({ variant: { threads, concurrency } }: VariantEntry, { cores }: HostPool): number {
  return Math.min(1, (threads * concurrency) / cores);
}

/** Since when each host that is up holds nothing. */
function emptySince(facts: ScalingFacts, before: ScalingMemory, seats: readonly Seat[]): Map<string, number> {
  const held = new Set(seats.map(({ host }) => host));
  return new Map(
    serving(facts)
      .filter(({ name }) => !held.has(name))
      .map(({ name }) => [emptyKey(name), before.spareSinceMs?.get(emptyKey(name)) ?? facts.nowMs]),
  );
}

interface HostFacts {
  readonly o: ScalingOptions;
  readonly classes: readonly PaperClass[];
  readonly lacking: string | null;
  readonly since: ReadonlyMap<string, number>;
}

function hostsOf(facts: ScalingFacts, { o, classes, lacking, since }: HostFacts) {
  const { pool, nowMs } = facts;
  const active = activeHosts(facts);
  const isComing = active.some(({ state }) => state !== "up");
  const wanted = Math.max(pool.minHosts, active.length + Number(lacking !== null && !isComing));
  if (wanted > active.length) {
    const because = lacking === null ? "so many are kept" : `a replica of '${lacking}' finds no host`;
    const most = mostHosts(pool, o.maxUsdPerHour);
    const changes = planStarts(facts, { count: wanted - active.length, most }, because);
    return { wanted: Math.min(wanted, pool.maxHosts), changes, because };
  }
  const because = "every replica has a host";
  const idle = new Set(
    active
      .filter(({ name }) => nowMs - (since.get(emptyKey(name)) ?? nowMs) >= o.holdMs)
      .map(({ name }) => name),
  );
  if (idle.size === 0 || active.length <= pool.minHosts)
    return { wanted, changes: [] as readonly HostChange[], because };
  const demands = classes.map(({ key, demand }) => ({ key, demand, columns: [] }));
  const removal = planRemoval(
    facts,
    { idle, demands },
    `it has been empty for ${o.holdMs / MS_PER_SECOND} s`,
  );
  if (typeof removal === "string") return { wanted, changes: [] as readonly HostChange[], because: removal };
  return { wanted: wanted - 1, changes: [removal], because };
}
