import { ROWS_MAX } from "./bounds";
import type { Catalog, TargetIndex, VariantEntry } from "./catalog";
import { serviceMs } from "./catalog";
import { costPerQueryUsd, fitsHost, type Host } from "./cost";
import type { Executor } from "./types";

/** Prices of all variants on one kind of host. */
export interface HostClass {
  readonly host: Host;
  /** US dollars per item, by index of the variant entry. */
  readonly itemUsd: Float64Array;
  /** 1 where the variant can run there. */
  readonly fits: Uint8Array;
}

/** One way to run one variant, with nothing in its way. */
export interface IdlePoint {
  readonly entry: VariantEntry;
  readonly classIndex: number;
  readonly itemUsd: number;
  readonly serviceMs: number;
}

/** All prices; kept from snapshot to snapshot until the catalog or the kinds of hosts change. */
export interface Pricing {
  readonly catalog: Catalog;
  readonly classOf: ReadonlyMap<string, number>;
  readonly classes: readonly HostClass[];
  /** Efficient points by target and rows, filled on first use. */
  readonly fronts: Map<TargetIndex, Map<number, readonly IdlePoint[]>>;
}

/** Returns the prices for these executors, the previous ones where they still hold. */
export function buildPricing(
  catalog: Catalog,
  executors: readonly Executor[],
  previous: Pricing | null,
): Pricing {
  const hosts = new Map<string, Host>();
  for (const executor of executors) hosts.set(classKey(executor), executor);
  const keys = [...hosts.keys()].sort();
  if (previous?.catalog === catalog && sameKeys(previous.classOf, keys)) return previous;
  return {
    catalog,
    classOf: new Map(keys.map((key, index) => [key, index])),
    classes: keys.flatMap((key) => {
      const host = hosts.get(key);
      return host ? [priceClass(catalog, host)] : [];
    }),
    fronts: new Map(),
  };
}

/** Returns the text that is equal for interchangeable hosts. */
export function classKey(host: Host): string {
  return `${host.pricePerHourUsd}|${host.cores}|${host.memoryBytes}|${[...host.deviceKinds].sort().join()}`;
}

/**
 * Returns the efficient ways to serve so many rows idle: every other way is at once no more accurate, no
 * cheaper and no faster than one of these. Whatever can be satisfied at all can be satisfied by one of them.
 */
export function efficientPoints(pricing: Pricing, index: TargetIndex, rows: number): readonly IdlePoint[] {
  let byRows = pricing.fronts.get(index);
  if (!byRows) {
    byRows = new Map();
    pricing.fronts.set(index, byRows);
  }
  const known = byRows.get(rows);
  if (known) return known;
  const points = rows > ROWS_MAX ? [] : keepEfficient(idlePoints(pricing, index, rows));
  // Rows above every maxBatch are rare: the memory stays bounded by maxBatch.
  if (points.length > 0 && rows <= index.maxBatch) byRows.set(rows, points);
  return points;
}

function priceClass(catalog: Catalog, host: Host): HostClass {
  return {
    host,
    itemUsd: Float64Array.from(catalog.entries, (e) => costPerQueryUsd(e.variant, host)),
    fits: Uint8Array.from(catalog.entries, (e) => Number(fitsHost(e.variant, host))),
  };
}

function sameKeys(known: ReadonlyMap<string, number>, keys: readonly string[]): boolean {
  return known.size === keys.length && keys.every((key) => known.has(key));
}

function idlePoints(pricing: Pricing, index: TargetIndex, rows: number): IdlePoint[] {
  const points: IdlePoint[] = [];
  for (const entry of index.entries) {
    const ms = serviceMs(entry, rows);
    pricing.classes.forEach((hosts, classIndex) => {
      if (!hosts.fits[entry.index]) return;
      points.push({ entry, classIndex, itemUsd: hosts.itemUsd[entry.index] ?? 0, serviceMs: ms });
    });
  }
  return points;
}

function keepEfficient(points: IdlePoint[]): readonly IdlePoint[] {
  const kept: IdlePoint[] = [];
  const order = (a: IdlePoint, b: IdlePoint) =>
    b.entry.accuracy - a.entry.accuracy || a.itemUsd - b.itemUsd || a.serviceMs - b.serviceMs;
  for (const point of points.sort(order)) {
    const beaten = kept.some((k) => k.itemUsd <= point.itemUsd && k.serviceMs <= point.serviceMs);
    if (!beaten) kept.push(point);
  }
  return kept;
}
