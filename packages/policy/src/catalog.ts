import { predictBatchMs } from "./latency-profile";
import type { Target, Variant } from "./types";

/** Accuracy of a variant without a known one: below every floor. */
export const NO_ACCURACY = -1;

/** A variant with the figures a decision reads, computed once. */
export interface VariantEntry {
  readonly index: number;
  readonly variant: Variant;
  /** `NO_ACCURACY` when unknown. */
  readonly accuracy: number;
  /** p95 of a batch of one row. */
  readonly oneRowMs: number;
  /** Load plus the lowest p95 of any batch size: no query is answered sooner from cold. */
  readonly coldFloorMs: number;
}

/** The variants behind one name, most accurate first. */
export interface TargetIndex {
  readonly target: Target;
  /** Those that were measured; all where none was. */
  readonly entries: readonly VariantEntry[];
  /** Most rows any of them takes; 0 when there is none. */
  readonly maxBatch: number;
  /** Distinct accuracies, descending. */
  readonly levels: readonly number[];
  /** How many entries have at least the accuracy of that level. */
  readonly levelEnds: readonly number[];
  /** Entries of a level by cold floor, ascending; filled on first use. */
  readonly coldOrders: (readonly VariantEntry[] | undefined)[];
  /** The variants beside them of which nothing was measured: asked where none of `entries` fits. Null: there are none. */
  readonly unprofiled: TargetIndex | null;
}

/** Everything that may be asked for, indexed. A value: built anew when the registry changes. */
export interface Catalog {
  readonly entries: readonly VariantEntry[];
  readonly variants: ReadonlyMap<string, TargetIndex>;
  readonly architectures: ReadonlyMap<string, TargetIndex>;
  /** By architecture, then version. */
  readonly versions: ReadonlyMap<string, ReadonlyMap<number, TargetIndex>>;
  readonly tasks: ReadonlyMap<string, TargetIndex>;
  readonly taskVersions: ReadonlyMap<string, number>;
  readonly aliases: ReadonlyMap<string, string>;
}

/** What a catalog is made of. */
export interface CatalogInput {
  /** Full names of tasks (`task/dataset`), also those that have no variant yet. */
  readonly tasks?: readonly string[];
  /** Version of each task; default 1. */
  readonly taskVersions?: ReadonlyMap<string, number>;
  /** Names must be unique among variants; of equal names the highest version is taken. */
  readonly variants: readonly Variant[];
  /** Other name → name of a variant, architecture or task. */
  readonly aliases?: ReadonlyMap<string, string>;
}

/** Builds all indexes. O(n log n) in variants. Tasks and architectures hold the newest version only. */
export function buildCatalog(input: CatalogInput): Catalog {
  const entries = uniqueByName(input.variants).map(toEntry);
  const versions = groupBy(entries, (e) => e.variant.architecture);
  const newestOf = mapValues(versions, (list) => Math.max(...list.map((e) => e.variant.version)));
  const newest = entries.filter((e) => e.variant.version === newestOf.get(e.variant.architecture));
  const tasks = new Map<string, TargetIndex>();
  for (const name of input.tasks ?? []) tasks.set(name, toTarget({ kind: "task", name }, []));
  for (const [name, list] of groupBy(newest, (e) => e.variant.task)) {
    tasks.set(name, toTarget({ kind: "task", name }, list));
  }
  return {
    entries,
    variants: new Map(
      entries.map((e) => [e.variant.name, toTarget({ kind: "variant", name: e.variant.name }, [e])]),
    ),
    architectures: mapValues(
      groupBy(newest, (e) => e.variant.architecture),
      (list, name) => toTarget({ kind: "architecture", name }, list),
    ),
    versions: mapValues(versions, (list, name) =>
      mapValues(
        groupBy(list, (e) => e.variant.version),
        (ofVersion, version) => toTarget({ kind: "architecture", name, version }, ofVersion),
      ),
    ),
    tasks,
    taskVersions: input.taskVersions ?? new Map(),
    aliases: input.aliases ?? new Map(),
  };
}

/** Returns the index of some of a target's entries. */
export function restrictTarget({ target }: TargetIndex, entries: readonly VariantEntry[]): TargetIndex {
  return toTarget(target, entries);
}

/** Returns the variants of a target, measured or not. */
export function allEntries({ entries, unprofiled }: TargetIndex): readonly VariantEntry[] {
  return unprofiled === null ? entries : [...entries, ...unprofiled.entries];
}

/** Returns the index behind a target, or undefined when the catalog does not know it. O(1). */
export function findTarget(catalog: Catalog, target: Target): TargetIndex | undefined {
  if (target.kind === "task") return catalog.tasks.get(target.name);
  if (target.kind === "variant") return catalog.variants.get(target.name);
  if (target.version !== undefined) return catalog.versions.get(target.name)?.get(target.version);
  return catalog.architectures.get(target.name);
}

/**
 * Returns the last level that still meets the floor; -1 when none does. No floor is met by all. Binary
 * search.
 */
export function levelFor(index: TargetIndex, floor: number | null): number {
  let low = 0;
  let high = index.levels.length;
  if (floor === null) return high - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((index.levels[middle] ?? NO_ACCURACY) >= floor) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Returns the entries of a level, soonest ready from cold first. Sorted once per level. */
export function coldOrder(index: TargetIndex, level: number): readonly VariantEntry[] {
  const known = index.coldOrders[level];
  if (known) return known;
  const sorted = index.entries
    .slice(0, index.levelEnds[level] ?? 0)
    .sort((a, b) => a.coldFloorMs - b.coldFloorMs);
  index.coldOrders[level] = sorted;
  return sorted;
}

/** Returns the predicted p95 of what a query of so many rows takes alone. */
export function serviceMs(entry: VariantEntry, rows: number): number {
  return rows === 1 ? entry.oneRowMs : predictRowsMs(entry.variant, rows);
}

/** Returns the predicted p95 of so many rows alone: one batch, or one after another where they are more than the largest. */
export function predictRowsMs({ profile, maxBatch }: Variant, rows: number): number {
  if (rows <= maxBatch) return predictBatchMs(profile, rows, "p95");
  const rest = rows % maxBatch;
  const restMs = rest === 0 ? 0 : predictBatchMs(profile, rest, "p95");
  return Math.floor(rows / maxBatch) * predictBatchMs(profile, maxBatch, "p95") + restMs;
}

function toEntry(variant: Variant, index: number): VariantEntry {
  const oneRowMs = predictBatchMs(variant.profile, 1, "p95");
  const fastestMs = variant.profile.points.reduce((least, p) => Math.min(least, p.p95Ms), oneRowMs);
  return {
    index,
    variant,
    accuracy: variant.accuracy?.value ?? NO_ACCURACY,
    oneRowMs,
    coldFloorMs: variant.profile.loadMs + fastestMs,
  };
}

function toTarget(target: Target, list: readonly VariantEntry[]): TargetIndex {
  const measured = list.filter(({ variant }) => variant.unprofiledReason === undefined);
  const others = measured.length === 0 ? [] : list.filter((entry) => !measured.includes(entry));
  const entries = (measured.length === 0 ? [...list] : measured).sort(
    (a, b) => b.accuracy - a.accuracy || byText(a.variant.name, b.variant.name),
  );
  const levels: number[] = [];
  const levelEnds: number[] = [];
  entries.forEach((entry, position) => {
    if (levels.at(-1) !== entry.accuracy) levels.push(entry.accuracy);
    levelEnds[levels.length - 1] = position + 1;
  });
  const maxBatch = entries.reduce((most, e) => Math.max(most, e.variant.maxBatch), 0);
  const unprofiled = others.length === 0 ? null : toTarget(target, others);
  return { target, entries, maxBatch, levels, levelEnds, coldOrders: [], unprofiled };
}

function uniqueByName(variants: readonly Variant[]): readonly Variant[] {
  const byName = new Map<string, Variant>();
  for (const variant of variants) {
    const known = byName.get(variant.name);
    if (!known || known.version <= variant.version) byName.set(variant.name, variant);
  }
  return [...byName.values()].sort((a, b) => byText(a.name, b.name));
}

function groupBy<K, V>(values: readonly V[], keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}

function mapValues<K, V, W>(map: ReadonlyMap<K, V>, convert: (value: V, key: K) => W): Map<K, W> {
  return new Map([...map].map(([key, value]) => [key, convert(value, key)]));
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
