import type { Catalog, TargetIndex, VariantEntry } from "./catalog";
import { findTarget } from "./catalog";
import { buildPricing, classKey, type Pricing } from "./pricing";
import type { Executor, Instance, Objective } from "./types";

/** One instance beside the executor it runs on; both are read afresh at every decision. */
export interface Member {
  readonly instance: Instance;
  readonly executor: Executor;
}

/** The instances of one variant on hosts of one class: they cost the same and take the same time. */
export interface InstanceGroup {
  readonly entry: VariantEntry;
  readonly classIndex: number;
  readonly itemUsd: number;
  readonly members: readonly Member[];
}

/**
 * What is known at one moment. Its structure never changes; the load figures of the instances and executors
 * it refers to (`state`, `drainMs`, `hopMs`, `utilisation`, `memoryFreeBytes`, `accepting`) may be kept
 * current in place by their owner, so that taking in a load report is O(1) and builds nothing.
 */
export interface Snapshot {
  readonly revision: number;
  readonly atMs: number;
  readonly catalog: Catalog;
  readonly executors: readonly Executor[];
  readonly pricing: Pricing;
  /** By class of host, sorted by name. */
  readonly hosts: readonly (readonly Executor[])[];
  /** By index of the variant entry; empty for an inactive variant. */
  readonly groups: readonly (readonly InstanceGroup[])[];
  /** Smallest hop known per executor; where nothing was measured, 0. */
  readonly hops: ReadonlyMap<string, number>;
  /** Groups in the order they are tried, filled on first use. */
  readonly orders: Map<TargetIndex, LoadedOrders>;
}

/** Loaded groups of one target. */
export interface LoadedOrders {
  /** By accuracy level, cheapest first. */
  readonly byCost: (readonly InstanceGroup[] | undefined)[];
  /** All levels, most accurate first. */
  byAccuracy: readonly InstanceGroup[] | undefined;
}

/** What a snapshot is made of. Instances of unknown variants or executors are left out. */
export interface SnapshotInput {
  readonly revision: number;
  readonly atMs: number;
  readonly catalog: Catalog;
  readonly instances: readonly Instance[];
  readonly executors: readonly Executor[];
  /** The snapshot before: its prices are kept when neither catalog nor kinds of hosts changed. */
  readonly previous?: Snapshot | null;
}

const NO_GROUPS: readonly InstanceGroup[] = [];

/** Builds a snapshot. O(variants × kinds of hosts + instances), and O(instances) when prices are kept. */
export function buildSnapshot(input: SnapshotInput): Snapshot {
  const { revision, atMs, catalog, executors } = input;
  const pricing = buildPricing(catalog, executors, input.previous?.pricing ?? null);
  const hosts: Executor[][] = pricing.classes.map(() => []);
  for (const executor of [...executors].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    hosts[pricing.classOf.get(classKey(executor)) ?? 0]?.push(executor);
  }
  const groups = groupInstances(catalog, pricing, input.instances, executors);
  const hops = smallestHops(input.instances);
  return { revision, atMs, catalog, executors, pricing, hosts, groups, hops, orders: new Map() };
}

/** Returns the snapshot after instances came or went; nothing else is rebuilt. O(instances). */
export function withInstances(
  snapshot: Snapshot,
  change: { readonly revision: number; readonly atMs: number; readonly instances: readonly Instance[] },
): Snapshot {
  const { catalog, executors } = snapshot;
  return buildSnapshot({ ...change, catalog, executors, previous: snapshot });
}

/**
 * Returns the loaded groups to try, best first by the objective; with `max-accuracy` also those below the
 * level.
 */
export function loadedOrder(
  snapshot: Snapshot,
  index: TargetIndex,
  objective: Objective,
  level: number,
): readonly InstanceGroup[] {
  let orders = snapshot.orders.get(index);
  if (!orders) {
    orders = { byCost: [], byAccuracy: undefined };
    snapshot.orders.set(index, orders);
  }
  if (objective === "max-accuracy") {
    orders.byAccuracy ??= collectGroups(snapshot, index, index.entries.length).sort(accurateFirst);
    return orders.byAccuracy;
  }
  const known = orders.byCost[level];
  if (known) return known;
  const sorted = collectGroups(snapshot, index, index.levelEnds[level] ?? 0).sort(cheapestFirst);
  orders.byCost[level] = sorted;
  return sorted;
}

/** Returns the loaded groups of one variant. */
export function groupsOf(snapshot: Snapshot, entry: VariantEntry): readonly InstanceGroup[] {
  return snapshot.groups[entry.index] ?? NO_GROUPS;
}

/** Returns the time an instance needs to finish what it holds, as of `nowMs`. */
export function drainMsAt(instance: Instance, nowMs: number): number {
  const { reportedAtMs } = instance;
  const drainMs = reportedAtMs === undefined ? instance.drainMs : instance.drainMs - (nowMs - reportedAtMs);
  return Math.max(0, drainMs);
}

/** Returns what a hop to an instance takes when nothing is in its way. */
export function idleHopMs({ hopMs, hopLeastMs }: Instance): number {
  return hopLeastMs ?? hopMs;
}

function groupInstances(
  catalog: Catalog,
  pricing: Pricing,
  instances: readonly Instance[],
  executors: readonly Executor[],
): readonly (readonly InstanceGroup[])[] {
  const executorOf = new Map(executors.map((e) => [e.name, e]));
  type Growing = InstanceGroup & { members: Member[] };
  const none: Growing[] = [];
  const groups: Growing[][] = catalog.entries.map(() => none);
  for (const instance of instances) {
    const entry = findTarget(catalog, { kind: "variant", name: instance.variant })?.entries[0];
    const executor = executorOf.get(instance.executor);
    if (!entry || !executor) continue;
    const classIndex = pricing.classOf.get(classKey(executor)) ?? 0;
    let ofEntry = groups[entry.index] ?? none;
    if (ofEntry === none) groups[entry.index] = ofEntry = [];
    let group = ofEntry.find((g) => g.classIndex === classIndex);
    if (!group) {
      group = {
        entry,
        classIndex,
        itemUsd: pricing.classes[classIndex]?.itemUsd[entry.index] ?? 0,
        members: [],
      };
      ofEntry.push(group);
    }
    group.members.push({ instance, executor });
  }
  return groups;
}

function smallestHops(instances: readonly Instance[]): ReadonlyMap<string, number> {
  const hops = new Map<string, number>();
  for (const instance of instances) {
    const { executor } = instance;
    const hopMs = idleHopMs(instance);
    hops.set(executor, Math.min(hopMs, hops.get(executor) ?? hopMs));
  }
  return hops;
}

function collectGroups(snapshot: Snapshot, index: TargetIndex, end: number): InstanceGroup[] {
  const collected: InstanceGroup[] = [];
  for (const entry of index.entries.slice(0, end)) collected.push(...groupsOf(snapshot, entry));
  return collected;
}

function cheapestFirst(a: InstanceGroup, b: InstanceGroup): number {
  return a.itemUsd - b.itemUsd || a.entry.index - b.entry.index || a.classIndex - b.classIndex;
}

function accurateFirst(a: InstanceGroup, b: InstanceGroup): number {
  return b.entry.accuracy - a.entry.accuracy || cheapestFirst(a, b);
}
