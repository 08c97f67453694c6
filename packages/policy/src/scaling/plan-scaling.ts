import type { Catalog } from "../catalog";
import type { PlannedInstance } from "../pareto";
import { adequateEntries, type ClassDemand, type TypedHost } from "./capacity";
import { type ClassLoad, describeLoad, type HostLoad, hostLoad } from "./host-load";
import {
  calmed,
  type HoldOptions,
  mostOfHold,
  notedIn,
  notedNeed,
  notedOut,
  type ScalingMemory,
} from "./scaling-memory";

/** Hosts of one type that may come and go. */
export interface HostPool extends TypedHost {
  readonly minHosts: number;
  readonly maxHosts: number;
}

/** A host of the pool that is there or on its way. */
export interface ScaledHost {
  readonly name: string;
  readonly state: "requested" | "starting" | "up" | "draining";
  /** An operator took its executor out of service. */
  readonly withdrawn: boolean;
  /** Variants with a ready instance there that frontends reach. */
  readonly ready: ReadonlySet<string>;
  /** Variants that it is to hold. */
  readonly placed: ReadonlySet<string>;
}

/** State that hosts are planned from. */
export interface ScalingFacts {
  readonly nowMs: number;
  readonly catalog: Catalog;
  readonly pool: HostPool;
  readonly hosts: readonly ScaledHost[];
  readonly demand: readonly ClassDemand[];
  /** Every frontend told lately what it is asked; otherwise nothing is removed. */
  readonly demandKnown: boolean;
  /** Longest that queued queries wait at some instance beyond what their class allows, ms; 0: none does. */
  readonly overdueMs: number;
  /** Starts failed so often that none is tried before this time; null: none did. */
  readonly startsRestUntilMs: number | null;
}

export interface ScalingOptions extends HoldOptions {
  /** Share of a host's time that demand may take: the rest absorbs chance. */
  readonly utilisationMax: number;
}

/** Values of the options that are not an operator's. */
export const SCALING_DEFAULTS = {
  utilisationMax: 0.8,
  holdMaxMs: 600_000,
} as const;

/** One change of the hosts, with its reason as a sentence with figures. */
export interface HostChange {
  readonly kind: "start" | "drain" | "cancel";
  readonly host: string;
  readonly because: string;
}

/** What to change now. */
export interface ScalingPlan {
  /** Hosts that demand needs, within the bounds of the pool. */
  readonly wantedHosts: number;
  readonly changes: readonly HostChange[];
  /** Instances to load, each on a host that is up. */
  readonly placements: readonly PlannedInstance[];
  /** The state of demand and hosts as a sentence. */
  readonly summary: string;
  readonly memory: ScalingMemory;
}

/**
 * Returns how many hosts there should be and what each should hold (docs/design/policy.md, section 6). Equal input gives equal
 * output. Out: as soon as the upper bound of demand needs more than there are, or queues outgrow an objective. In: one at
 * a time, once fewer were enough during a whole hold, by the upper bound as well; the last ready instance of a class with
 * demand stays until another host has one.
 */
export function planScaling(facts: ScalingFacts, before: ScalingMemory, o: ScalingOptions): ScalingPlan {
  const { nowMs, pool, hosts, demandKnown } = facts;
  const load = hostLoad(facts.catalog, pool, facts.demand);
  const active = hosts.filter((h) => h.state !== "draining" && !h.withdrawn);
  const need = neededHosts(facts, load, active, o.utilisationMax);
  const needed = demandKnown ? need.hosts : Math.max(need.hosts, active.length);
  let memory = notedNeed(calmed(before, o, nowMs), needed, nowMs);
  const situation = { facts, load, active };
  const changes: HostChange[] = withdrawals(hosts);
  let waits = "";
  const largest = demandKnown ? mostOfHold(memory, nowMs) : Number.POSITIVE_INFINITY;
  if (active.length < need.hosts) {
    const starts = planStarts(facts, need.hosts - active.length, need.because);
    changes.push(...starts);
    if (starts.length > 0 && active.length >= pool.minHosts) memory = notedOut(memory, o, nowMs);
  } else if (active.length > Math.max(need.hosts, largest)) {
    const held = `; fewer were enough for ${Math.round(memory.holdMs / 1000)} s`;
    const removal = planRemoval(situation, `${need.because}${held}`);
    if (typeof removal === "string") waits = `; ${removal}`;
    else {
      changes.push(removal);
      memory = notedIn(memory, nowMs);
    }
  }
  const counts = `${active.length} of ${pool.minHosts} to ${pool.maxHosts} hosts`;
  return {
    wantedHosts: need.hosts,
    changes,
    placements: missingInstances(situation),
    summary: `${counts}, ${need.hosts} wanted; ${need.because}${waits}`,
    memory,
  };
}

interface Situation {
  readonly facts: ScalingFacts;
  readonly load: HostLoad;
  readonly active: readonly ScaledHost[];
}

function hostsFor(busyHosts: number, utilisationMax: number): number {
  return Math.ceil(busyHosts / utilisationMax);
}

function neededHosts(
  { pool, overdueMs }: ScalingFacts,
  load: HostLoad,
  active: readonly ScaledHost[],
  utilisationMax: number,
): { readonly hosts: number; readonly because: string } {
  const { minHosts, maxHosts } = pool;
  const byRate = hostsFor(load.upperHosts, utilisationMax);
  const full = `${describeLoad(load)}; a host may be busy ${Math.round(100 * utilisationMax)} % of the time`;
  const isComing = active.some((h) => h.state !== "up");
  const byQueue = overdueMs > 0 && !isComing ? active.length + 1 : 0;
  if (byQueue > byRate && byQueue <= maxHosts) {
    const queue = `queries wait ${Math.round(overdueMs)} ms longer than their objective allows`;
    return { hosts: Math.max(minHosts, byQueue), because: `${queue}; ${full}` };
  }
  if (byRate < minHosts) return { hosts: minHosts, because: `at least ${minHosts} is kept; ${full}` };
  if (byRate > maxHosts) return { hosts: maxHosts, because: `${full}; at most ${maxHosts} are allowed` };
  return { hosts: byRate, because: full };
}

/** Hosts that an operator took out of service serve nobody: they go, and others come where demand needs them. */
function withdrawals(hosts: readonly ScaledHost[]): HostChange[] {
  return hosts
    .filter((h) => h.withdrawn && h.state === "up")
    .map(({ name: host }) => ({
      kind: "drain",
      host,
      because: "an operator took its executor out of service",
    }));
}

function planStarts(
  { hosts, pool, nowMs, startsRestUntilMs }: ScalingFacts,
  count: number,
  because: string,
): HostChange[] {
  if (startsRestUntilMs !== null && nowMs < startsRestUntilMs) return [];
  const names = new Set(hosts.map((h) => h.name));
  const starts: HostChange[] = [];
  // What drains still holds its place.
  const room = Math.min(count, pool.maxHosts - hosts.length);
  for (let number = 1; starts.length < room; number++) {
    const host = hostName(number);
    if (!names.has(host)) starts.push({ kind: "start", host, because });
  }
  return starts;
}

/** Name of a host of a pool, and of its executor; the number is its place in the pool, from 1. */
export function hostName(number: number): string {
  return `executor-${number}`;
}

/**
 * Lets the host with the highest number go: one that is not up yet at once, another when all it serves is ready elsewhere.
 * Returns what is waited for where none may go now.
 */
function planRemoval({ facts, load, active }: Situation, because: string): HostChange | string {
  const byNumber = [...active].sort((a, b) => numberOf(b.name) - numberOf(a.name));
  const coming = byNumber.find((h) => h.state !== "up");
  if (coming !== undefined) return { kind: "cancel", host: coming.name, because };
  const draining = facts.hosts.find((h) => h.state === "draining");
  if (draining !== undefined) return `${draining.name} drains first`;
  const [leaving, ...staying] = byNumber;
  if (leaving === undefined) return "no host is up";
  const alone = load.classes.find((one) => isServedOnlyBy(leaving, staying, facts.catalog, one));
  if (alone === undefined) return { kind: "drain", host: leaving.name, because };
  return `${leaving.name} stays until another host can answer '${alone.demand.target.name}'`;
}

function isServedOnlyBy(
  leaving: ScaledHost,
  staying: readonly ScaledHost[],
  catalog: Catalog,
  { demand }: ClassLoad,
): boolean {
  if (demand.arrivals === 0) return false;
  const adequate = adequateEntries(catalog, demand).map((entry) => entry.variant.name);
  const serves = (host: ScaledHost) => adequate.some((name) => host.ready.has(name));
  return serves(leaving) && !staying.some(serves);
}

/** The variant of every class with demand on every host that is up, as far as memory goes. */
function missingInstances({ facts, load, active }: Situation): PlannedInstance[] {
  const { catalog, pool } = facts;
  const bytesOf = (name: string) =>
    catalog.variants.get(name)?.entries[0]?.variant.profile.peakMemoryBytes ?? 0;
  const wanted = new Set(load.classes.flatMap(({ column }) => column?.entry.variant.name ?? []));
  const missing: PlannedInstance[] = [];
  for (const host of active.filter((h) => h.state === "up")) {
    let takenBytes = [...host.placed].reduce((sum, name) => sum + bytesOf(name), 0);
    for (const variant of wanted) {
      if (host.placed.has(variant) || takenBytes + bytesOf(variant) > pool.memoryBytes) continue;
      takenBytes += bytesOf(variant);
      missing.push({ variant, executor: host.name });
    }
  }
  return missing;
}

function numberOf(name: string): number {
  return Number(/\d+$/.exec(name)?.[0] ?? 0);
}
