import type { Catalog } from "../catalog";
import type { PlannedInstance } from "../pareto";
import type { PlacementPlan } from "../planning/problem";
import { adequateEntries, type ClassDemand, shortfall } from "./capacity";
import type { PlannedDemand } from "./planning-problem";

/** A host as steps see it. */
export interface PlacedHost {
  readonly name: string;
  /** It is up and takes work. */
  readonly isServing: boolean;
  readonly memoryBytes: number;
  readonly ready: ReadonlySet<string>;
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

/** What may be done now of what a plan wants, and what is waited for. */
export interface PlacementSteps {
  readonly loads: readonly PlacementStep[];
  readonly unloads: readonly PlacementStep[];
  /** Sentences about steps whose turn has not come. */
  readonly waits: readonly string[];
  /** Variants that selection would prefer to what their class is planned with: nobody should load them while the plan stands. */
  readonly retired: ReadonlySet<string>;
}

/** Loads that one host does at once: each takes processor time from what it serves. */
export const LOADS_PER_HOST_MAX = 2;

/** State that steps are taken in. */
export interface StepFacts {
  readonly catalog: Catalog;
  readonly hosts: readonly PlacedHost[];
  readonly demands: readonly PlannedDemand[];
  readonly plan: PlacementPlan;
}

/**
 * Returns the steps towards a plan whose turn has come (make before break): an instance is loaded where its host has the
 * memory; one is unloaded to make room for that, or because selection would prefer it to what its class is planned with, as soon
 * as every class that it serves has another ready instance. Every round asks anew, so each step is checked when its turn
 * comes.
 */
export function placementSteps(facts: StepFacts): PlacementSteps {
  const demands = new Map(facts.demands.map((one) => [one.key, one.demand]));
  const turn: Turn = {
    facts,
    demands,
    wanted: wantedBy(facts),
    gone: new Set(),
    loads: [],
    unloads: [],
    waits: [],
    retired: new Set(),
  };
  unloadPreferred(turn);
  for (const host of facts.hosts) if (host.isServing) loadMissing(turn, host);
  return turn;
}

interface Turn extends PlacementSteps {
  readonly facts: StepFacts;
  /** By key of their class. */
  readonly demands: ReadonlyMap<string, ClassDemand>;
  /** Variants by host. */
  readonly wanted: ReadonlyMap<string, ReadonlySet<string>>;
  /** Instances that this round unloads. */
  readonly gone: Set<string>;
  readonly loads: PlacementStep[];
  readonly unloads: PlacementStep[];
  readonly waits: string[];
  readonly retired: Set<string>;
}

function wantedBy({ plan }: StepFacts): ReadonlyMap<string, ReadonlySet<string>> {
  return new Map(plan.hosts.map(({ name, variants }) => [name, new Set(variants)]));
}

function loadMissing(turn: Turn, host: PlacedHost): void {
  const missing = [...(turn.wanted.get(host.name) ?? [])].filter((name) => !host.placed.has(name));
  let [freeBytes, loading] = [host.memoryBytes - bytesOfAll(turn, host), host.loading.size];
  for (const variant of missing) {
    const needed = bytesOf(turn, variant);
    if (loading >= LOADS_PER_HOST_MAX) {
      turn.waits.push(`${variant} waits for ${loading} loads on ${host.name}`);
    } else if (needed <= freeBytes) {
      turn.loads.push({ variant, executor: host.name, because: servesSentence(turn, variant) });
      freeBytes -= needed;
      loading++;
    } else makeRoom(turn, host, { variant, bytes: needed - freeBytes });
  }
}

/** Unloads what the plan does not want here, the largest first, until there is so much room: a later round finds it free. */
function makeRoom(
  turn: Turn,
  host: PlacedHost,
  { variant, bytes }: { readonly variant: string; readonly bytes: number },
): void {
  const wanted = turn.wanted.get(host.name);
  const spare = [...host.removable]
    .filter((name) => !wanted?.has(name) && isServedWithout(turn, host, name))
    .sort((a, b) => bytesOf(turn, b) - bytesOf(turn, a) || (a < b ? -1 : 1));
  const enough: string[] = [];
  let made = 0;
  for (const name of spare) {
    if (made >= bytes) break;
    enough.push(name);
    made += bytesOf(turn, name);
  }
  if (made < bytes) turn.waits.push(`${variant} waits for memory on ${host.name}`);
  else for (const name of enough) unload(turn, host, name, `${variant} needs its memory`);
}

/** Instances that selection would prefer to what their class is planned with: they go once all of that is ready. */
function unloadPreferred(turn: Turn): void {
  const { facts } = turn;
  facts.plan.classes.forEach(({ of, shares }) => {
    const demand = turn.demands.get(of.key);
    if (demand === undefined || demand.objective === "min-cost" || shares.length === 0) return;
    const planned = new Set(shares.map(({ column }) => column.variant));
    const isReady = shares.every(({ host, column }) => hostNamed(facts, host)?.ready.has(column.variant));
    const preferred = preferredOver(facts, demand, planned);
    const isWanted = (name: string) => [...turn.wanted.values()].some((names) => names.has(name));
    for (const name of preferred) if (!isWanted(name)) turn.retired.add(name);
    for (const host of facts.hosts) {
      const wanted = turn.wanted.get(host.name);
      for (const name of preferred) {
        if (!host.removable.has(name) || wanted?.has(name)) continue;
        const to = `'${demand.target.name}' is planned with ${[...planned].join(", ")}`;
        if (!isReady) turn.waits.push(`${name} stays on ${host.name} until that is ready: ${to}`);
        else if (isServedWithout(turn, host, name)) unload(turn, host, name, to);
      }
    }
  });
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

function unload(turn: Turn, host: PlacedHost, variant: string, because: string): void {
  const key = instanceKey(host.name, variant);
  if (turn.gone.has(key)) return;
  turn.gone.add(key);
  turn.unloads.push({ variant, executor: host.name, because });
}

/** Whether every class with demand that this instance can answer has another ready one that stays. */
function isServedWithout({ facts, gone }: Turn, host: PlacedHost, variant: string): boolean {
  if (!host.ready.has(variant)) return true;
  return facts.demands.every(({ demand }) => {
    const adequate = adequateEntries(facts.catalog, demand).map((entry) => entry.variant.name);
    if (!adequate.includes(variant)) return true;
    return facts.hosts.some(
      (other) =>
        other.isServing &&
        adequate.some(
          (name) =>
            other.ready.has(name) &&
            !gone.has(instanceKey(other.name, name)) &&
            (other !== host || name !== variant),
        ),
    );
  });
}

function servesSentence({ facts, demands }: Turn, variant: string): string {
  const served = facts.plan.classes.flatMap(({ of, shares }) => {
    const hosts = shares.filter(({ column }) => column.variant === variant).length;
    const name = demands.get(of.key)?.target.name;
    return hosts === 0 || name === undefined ? [] : [`'${name}' on ${hosts} hosts`];
  });
  return `it is planned for ${served.join(", ")}`;
}

function bytesOfAll(turn: Turn, { placed }: PlacedHost): number {
  return [...placed].reduce((sum, name) => sum + bytesOf(turn, name), 0);
}

function bytesOf({ facts }: Turn, variant: string): number {
  return facts.catalog.variants.get(variant)?.entries[0]?.variant.profile.peakMemoryBytes ?? 0;
}

function hostNamed({ hosts }: StepFacts, name: string): PlacedHost | undefined {
  return hosts.find((host) => host.name === name);
}

function instanceKey(host: string, variant: string): string {
  return `${host}\n${variant}`;
}
