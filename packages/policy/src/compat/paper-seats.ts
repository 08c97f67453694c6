import type { VariantEntry } from "../catalog";
import { fitsHost } from "../cost";
import { adequateEntries, type ClassDemand, classKey } from "../scaling/capacity";
import { activeHosts, type ScaledHost, type ScalingFacts } from "../scaling/scaling-facts";

/** Capacity over load below which the paper scales up (section 4.3). */
export const SLACK = 1.05;

/** A class with demand, and who may answer it. */
export interface PaperClass {
  readonly key: string;
  readonly demand: ClassDemand;
  /** Mean rate: the paper counts over a second and knows no interval. */
  readonly rowsPerSecond: number;
  /** Adequate variants that were measured on such hosts, the one first that takes the least memory for a row. */
  readonly able: readonly VariantEntry[];
}

/** An instance that is there, or on its way. */
export interface Seat {
  readonly host: string;
  readonly entry: VariantEntry;
  /** Rows per second that are sent there. */
  rows: number;
}

/** Returns the classes with demand, in the order of their keys. */
export function paperClasses({ catalog, pool, demand }: ScalingFacts): readonly PaperClass[] {
  return demand
    .filter((one) => one.arrivals > 0)
    .map((one) => ({
      key: classKey(one),
      demand: one,
      rowsPerSecond: one.rate.perSecond * one.rowsPerQuery,
      able: adequateEntries(catalog, one)
        .filter((e) => e.variant.profile.hostType === pool.hostType && fitsHost(e.variant, pool))
        .sort((a, b) => memoryPerRow(a) - memoryPerRow(b) || a.index - b.index),
    }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Returns all instances on hosts that take work, those that are not ready yet among them: what was asked for is not asked for again. */
export function paperSeats(facts: ScalingFacts): readonly Seat[] {
  return serving(facts).flatMap(({ name, placed }) =>
    [...placed].sort().flatMap((variant) => {
      const entry = facts.catalog.variants.get(variant)?.entries[0];
      return entry === undefined ? [] : [{ host: name, entry, rows: 0 }];
    }),
  );
}

/** Hosts that are up and stay, by name. */
export function serving(facts: ScalingFacts): readonly ScaledHost[] {
  return activeHosts(facts)
    .filter((host) => host.state === "up")
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Sends every class to its seats, the cheapest by memory first, and none beyond its saturation throughput over the slack nor
 * its host beyond the time it has. Returns the rows per second of each class that nobody has room for.
 */
export function seatAll(
  classes: readonly PaperClass[],
  seats: readonly Seat[],
  cores: number,
): ReadonlyMap<string, number> {
  for (const seat of seats) seat.rows = 0;
  const busy = new Map<string, number>();
  return new Map(
    classes.map((one) => {
      let left = one.rowsPerSecond;
      for (const entry of one.able) {
        for (const seat of seats) {
          if (left <= 0) break;
          if (seat.entry !== entry) continue;
          const taken = Math.min(left, roomOf(seat, busy.get(seat.host) ?? 0, cores));
          seat.rows += taken;
          left -= taken;
          busy.set(seat.host, (busy.get(seat.host) ?? 0) + hostTime(entry, taken, cores));
        }
      }
      return [one.key, left];
    }),
  );
}

/** Returns the share of each host's time that its seats take. */
export function busyByHost(seats: readonly Seat[], cores: number): ReadonlyMap<string, number> {
  const busy = new Map<string, number>();
  for (const { host, entry, rows } of seats)
    busy.set(host, (busy.get(host) ?? 0) + hostTime(entry, rows, cores));
  return busy;
}

/** Rows per second that one instance takes before it is scaled up. */
export function rowsOfSeat({ variant }: VariantEntry): number {
  return variant.profile.saturationPerSecond / SLACK;
}

/** What the paper pays for: memory over the time that a row takes, in byte-seconds. */
export function memoryPerRow({ variant: { profile } }: VariantEntry): number {
  return profile.peakMemoryBytes / profile.saturationPerSecond;
}

function roomOf({ entry, rows }: Seat, busy: number, cores: number): number {
  const byTime = (Math.max(0, 1 - busy) * rowsOfSeat(entry)) / shareOf(entry, cores);
  return Math.min(Math.max(0, rowsOfSeat(entry) - rows), byTime);
}

function hostTime(entry: VariantEntry, rows: number, cores: number): number {
  return (rows / rowsOfSeat(entry)) * shareOf(entry, cores);
}

/** Share of its host's cores that an instance takes at saturation. */
function shareOf({ variant: { threads, concurrency } }: VariantEntry, cores: number): number {
  return Math.min(1, (threads * concurrency) / cores);
}
