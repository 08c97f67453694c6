import type { Catalog } from "../catalog";
import type { PlannedInstance } from "../pareto";
import type { PlacementPlan, PlannedClass } from "../planning/problem";
import { adequateEntries, type ClassDemand, shortfall } from "./capacity";
import type { PlannedDemand } from "./planning-problem";
import type { Rung } from "./rungs";
import { type ServingHost, ServingIndex } from "./serving-index";

/** A host as steps see it. */
export interface PlacedHost extends ServingHost {
  readonly name: string;
  readonly memoryBytes: number;
  readonly placed: ReadonlySet<string>;
  /** Placed, not ready, and still on its way. */
  readonly loading: ReadonlySet<string>;
  /** Placed by registration, queries or scaling: what operators placed is theirs. */
  readonly removable: ReadonlySet<string>;
}

/** One instance to load or unload now, with its reason as a sentence. */
export interface PlacementStep extends PlannedInstance {
  readonly because: string;
}

/**
 * Variants by host: those planned there, their rungs, and the last ready instance of each class with demand that is not served
 * by the plan yet.
 */
export type RetainedInstances = ReadonlyMap<string, ReadonlySet<string>>;

/** What may be done now of what a plan wants, and what is waited for. */
export interface PlacementSteps {
  readonly loads: readonly PlacementStep[];
  readonly unloads: readonly PlacementStep[];
  /** Sentences about steps whose turn has not come. */
  readonly waits: readonly string[];
  /** Variants that selection would prefer to what their class is planned with: nobody should load them while the plan stands. */
  readonly retired: ReadonlySet<string>;
  /** Instances that no query may evict while the plan stands. */
  readonly retained: RetainedInstances;
}

/** Loads that one host does at once: each takes processor time from what it serves. */
export const LOADS_PER_HOST_MAX = 2;

/** State that steps are taken in. */
export interface StepFacts {
  readonly catalog: Catalog;
  readonly hosts: readonly PlacedHost[];
  readonly demands: readonly PlannedDemand[];
  readonly plan: PlacementPlan;
  /** Of the plan; absent: none. */
  readonly rungs?: readonly Rung[];
}

/**
 * Returns the steps towards a plan whose turn has come (make before break), in slices of one class or host each: an instance
 * is loaded where its host has the memory; one is unloaded to make room for that, or because selection would prefer it to
 * what its class is planned with, as soon as every class that it serves has another ready instance. Rungs take what memory is
 * free then. Every round asks anew, so each step is checked when its turn comes.
 */
export function* placementSteps(facts: StepFacts): Generator<undefined, PlacementSteps> {
  const { catalog, hosts, demands, plan, rungs = [] } = facts;
  const wanted = new Map(plan.hosts.map(({ name, variants }) => [name, new Set(variants)]));
  const turn: Turn = {
    facts,
    demands: new Map(demands.map((one) => [one.key, one.demand])),
    hosts: new Map(hosts.map((host) => [host.name, host])),
    wanted,
    wantedAnywhere: new Set([...wanted.values()].flatMap((names) => [...names])),
    rungs: new Map(hosts.map(({ name }) => [name, rungs.filter(({ host }) => host === name)])),
    serving: yield* ServingIndex.of(catalog, hosts, demands),
    served: servedBy(facts),
    gone: new Set(),
    loads: [],
    unloads: [],
    waits: [],
    retired: new Set(),
    retained: new Map(),
  };
  for (const planned of plan.classes) {
    unloadPreferred(turn, planned);
    yield;
  }
  for (const host of hosts) {
    if (host.isServing) {
      const room = { freeBytes: host.memoryBytes - bytesOfAll(turn, host), loading: host.loading.size };
      loadMissing(turn, host, room);
      loadRungs(turn, host, room);
    }
    yield;
  }
  for (const host of hosts) {
    if (host.isServing) retain(turn, host);
    yield;
  }
  const { loads, unloads, waits, retired, retained } = turn;
  return { loads, unloads, waits, retired, retained };
}

interface Turn extends PlacementSteps {
  readonly facts: StepFacts;
  /** By key of their class. */
  readonly demands: ReadonlyMap<string, ClassDemand>;
  /** By name. */
  readonly hosts: ReadonlyMap<string, PlacedHost>;
  /** Variants by host. */
  readonly wanted: ReadonlyMap<string, ReadonlySet<string>>;
  readonly wantedAnywhere: ReadonlySet<string>;
  /** By host. */
  readonly rungs: ReadonlyMap<string, readonly Rung[]>;
  readonly serving: ServingIndex;
  /** What each variant is planned for, in words. */
  readonly served: ReadonlyMap<string, readonly string[]>;
  /** Instances that this round unloads. */
  readonly gone: Set<string>;
  readonly loads: PlacementStep[];
  readonly unloads: PlacementStep[];
  readonly waits: string[];
  readonly retired: Set<string>;
  readonly retained: Map<string, ReadonlySet<string>>;
}

function servedBy({ plan, demands }: StepFacts): ReadonlyMap<string, readonly string[]> {
  const names = new Map(demands.map((one) => [one.key, one.demand.target.name]));
  const served = new Map<string, string[]>();
  for (const { of, shares } of plan.classes) {
    const hosts = new Map<string, number>();
    for (const { column } of shares) hosts.set(column.variant, (hosts.get(column.variant) ?? 0) + 1);
    for (const [variant, count] of hosts) {
      const words = `'${names.get(of.key) ?? ""}' on ${count} hosts`;
      const known = served.get(variant);
      if (known === undefined) served.set(variant, [words]);
      else known.push(words);
    }
  }
  return served;
}

/** What a host has left for loads. */
interface LoadRoom {
  freeBytes: number;
  /** Loads under way or due. */
  loading: number;
}

function loadMissing(turn: Turn, host: PlacedHost, room: LoadRoom): void {
  const missing = [...(turn.wanted.get(host.name) ?? [])].filter((name) => !host.placed.has(name));
  for (const variant of missing) {
    const needed = bytesOf(turn, variant);
    if (room.loading >= LOADS_PER_HOST_MAX) {
      turn.waits.push(`${variant} waits for ${room.loading} loads on ${host.name}`);
    } else if (needed <= room.freeBytes) {
      const because = `it is planned for ${(turn.served.get(variant) ?? []).join(", ")}`;
      load(turn, room, { variant, executor: host.name, because });
    } else makeRoom(turn, host, { variant, bytes: needed - room.freeBytes });
  }
}

/** Rungs come once all that is planned here is on its way, and nothing makes room for them. */
function loadRungs(turn: Turn, host: PlacedHost, room: LoadRoom): void {
  const due = new Set(
    turn.loads.filter(({ executor }) => executor === host.name).map(({ variant }) => variant),
  );
  if ([...(turn.wanted.get(host.name) ?? [])].some((name) => !host.placed.has(name) && !due.has(name)))
    return;
  for (const { variant, beside, target } of turn.rungs.get(host.name) ?? []) {
    const isFit = bytesOf(turn, variant) <= room.freeBytes && room.loading < LOADS_PER_HOST_MAX;
    if (host.placed.has(variant) || turn.retired.has(variant) || !isFit) continue;
    const because = `it answers what ${beside} has no time for, of '${target}'`;
    load(turn, room, { variant, executor: host.name, because });
  }
}

function load(turn: Turn, room: LoadRoom, step: PlacementStep): void {
  turn.loads.push(step);
  room.freeBytes -= bytesOf(turn, step.variant);
  room.loading++;
}

/** Unloads what the plan does not want here, the largest first, until there is so much room: a later round finds it free. */
function makeRoom(
  turn: Turn,
  host: PlacedHost,
  { variant, bytes }: { readonly variant: string; readonly bytes: number },
): void {
  const { wanted, serving, gone } = turn;
  const spare = [...host.removable]
    .filter((name) => !wanted.get(host.name)?.has(name) && !gone.has(instanceKey(host.name, name)))
    .sort((a, b) => bytesOf(turn, b) - bytesOf(turn, a) || (a < b ? -1 : 1));
  const enough: string[] = [];
  let made = 0;
  for (const name of spare) {
    if (made >= bytes) break;
    if (!serving.remove(host, name)) continue;
    enough.push(name);
    made += bytesOf(turn, name);
  }
  // Taken away one after another, so that what serves the same does not go all at once; then for good, or not at all.
  for (const name of enough) serving.restore(host, name);
  if (made < bytes) turn.waits.push(`${variant} waits for memory on ${host.name}`);
  else for (const name of enough) unload(turn, host, name, `${variant} needs its memory`);
}

/** Instances that selection would prefer to what their class is planned with: they go once all of that is ready. */
function unloadPreferred(turn: Turn, { of, shares }: PlannedClass): void {
  const { facts, hosts, wanted, wantedAnywhere } = turn;
  const demand = turn.demands.get(of.key);
  if (demand === undefined || demand.objective === "min-cost" || shares.length === 0) return;
  const planned = new Set(shares.map(({ column }) => column.variant));
  const preferred = preferredOver(facts, demand, planned);
  if (preferred.length === 0) return;
  const isReady = shares.every(({ host, column }) => hosts.get(host)?.ready.has(column.variant));
  for (const name of preferred) if (!wantedAnywhere.has(name)) turn.retired.add(name);
  const to = `'${demand.target.name}' is planned with ${[...planned].join(", ")}`;
  for (const host of facts.hosts) {
    for (const name of preferred) {
      if (!host.removable.has(name) || wanted.get(host.name)?.has(name)) continue;
      if (!isReady) turn.waits.push(`${name} stays on ${host.name} until that is ready: ${to}`);
      else unload(turn, host, name, to);
    }
  }
}

/** Adequate variants that satisfy a class better than all that it is planned with. */
function preferredOver(
  { catalog }: StepFacts,
  demand: ClassDemand,
  planned: ReadonlySet<string>,
): readonly string[] {
  const adequate = adequateEntries(catalog, demand);
  const best = adequate.filter(({ variant }) => planned.has(variant.name));
  return adequate
    .filter((entry) => best.length > 0 && best.every((other) => shortfall(other, entry, demand) > 0))
    .map(({ variant }) => variant.name);
}

/** What is not planned is taken away as far as its classes can do without: what is left keeps the last of them. */
function retain({ wanted, rungs, retired, serving, gone, retained }: Turn, host: PlacedHost): void {
  const names = new Set(wanted.get(host.name));
  for (const { variant } of rungs.get(host.name) ?? []) if (!retired.has(variant)) names.add(variant);
  for (const name of host.placed) {
    if (names.has(name) || gone.has(instanceKey(host.name, name)) || !host.ready.has(name)) continue;
    if (!serving.remove(host, name)) names.add(name);
  }
  retained.set(host.name, names);
}

/** The last ready instance of a class with demand stays. */
function unload({ gone, serving, unloads }: Turn, host: PlacedHost, variant: string, because: string): void {
  const key = instanceKey(host.name, variant);
  if (gone.has(key) || !serving.remove(host, variant)) return;
  gone.add(key);
  unloads.push({ variant, executor: host.name, because });
}

function bytesOfAll(turn: Turn, { placed }: PlacedHost): number {
  let sum = 0;
  for (const name of placed) sum += bytesOf(turn, name);
  return sum;
}

function bytesOf({ facts }: Turn, variant: string): number {
  return facts.catalog.variants.get(variant)?.entries[0]?.variant.profile.peakMemoryBytes ?? 0;
}

function instanceKey(host: string, variant: string): string {
  return `${host}\n${variant}`;
}
