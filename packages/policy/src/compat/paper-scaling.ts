import type { VariantEntry } from "../catalog";
import { type HostChange, mostHosts, planRemoval, planStarts, withdrawals } from "../scaling/host-changes";
import { figure } from "../scaling/host-load";
import type { PlacementStep } from "../scaling/placement-steps";
import type { PlanLine } from "../scaling/plan-lines";
import type { ScalingOptions, ScalingPlan } from "../scaling/plan-scaling";
import { activeHosts, type ScalingFacts, withWish } from "../scaling/scaling-facts";
import type { ScalingMemory } from "../scaling/scaling-memory";
import {
  busyByHost,
  memoryPerRow,
  type PaperClass,
  paperClasses,
  paperSeats,
  rowsOfSeat,
  type Seat,
  SLACK,
  seatAll,
  serving,
} from "./paper-seats";

/** A host more is asked for when every host is busier than this (section 4.4). */
const BUSY_ABOVE = 0.8;
/** Of `spareSinceMs`: since when one host fewer would do. No variant is named so: a name has no space. */
const HOST_KEY = "one host";

/**
 * Returns what the autoscalers of the paper do now (INFaaS, ATC '21, sections 4.3 and 4.4). Up: when what a class can use is less
 * than 1.05 times its load, the cheaper by memory of more instances of what serves it (replicate) and another adequate variant
 * (upgrade). Down: an instance goes when the others have been enough for as long as it takes to load. A host more when all are
 * busier than 80 %, or none has room. What the paper leaves open: a variant keeps its last instance; a host goes when one
 * fewer, busy to 80 % at most, has been enough for `holdMs`; loads are the mean rate of the last window.
 */
export function planPaperScaling(told: ScalingFacts, before: ScalingMemory, o: ScalingOptions): ScalingPlan {
  const facts = withWish(told);
  const { pool, nowMs, demandKnown } = facts;
  const classes = paperClasses(facts);
  const seats = [...paperSeats(facts)];
  const existing = new Set(seats);
  const excess = seatAll(classes, seats, pool.cores);
  const added = classes.map((one) => addSeats(facts, seats, one, excess.get(one.key) ?? 0));
  const unserved = seatAll(classes, seats, pool.cores);
  const loads = seats.filter((seat) => !existing.has(seat)).map((seat) => loadStep(seat, classes));
  const isShort = [...unserved.values()].some((rows) => rows > 0);
  const noted: ScalingMemory = { ...before, atMs: nowMs };
  const spare = loads.length > 0 || isShort || !demandKnown ? [] : spareSeats(facts, classes, seats);
  const since = sinceWhen(before, [...spare.map(({ entry }) => entry.variant.name)], nowMs);
  const due = spare.find(({ entry: { variant } }) => {
    return nowMs - (since.get(variant.name) ?? nowMs) >= variant.profile.loadMs;
  });
  const unloads = due === undefined ? [] : [unloadStep(due)];
  const sized = sizeHosts(facts, { classes, seats, isShort, since, before, ...o });
  const lines = classes.map((one, i) =>
    lineOf(facts, { one, seats, existing, added: added[i] ?? [], unserved }),
  );
  const usdPerHour = sized.wanted * pool.pricePerHourUsd;
  const counts = `${activeHosts(facts).length} of ${pool.minHosts} to ${pool.maxHosts} hosts, ${sized.wanted} wanted`;
  return {
    wantedHosts: sized.wanted,
    changes: [...withdrawals(facts), ...sized.changes],
    placements: loads,
    unloads,
    retired: new Set(),
    retained: new Map(),
    waits: sized.waits,
    hosts: hostsOf(seats, pool.cores),
    explain: () => lines,
    price: { hosts: usdPerHour, loads: 0, penalties: 0, unserved: 0, total: usdPerHour },
    plannedRows: new Map(classes.map((one) => [one.key, one.rowsPerSecond * SLACK])),
    isSettled: loads.length + unloads.length + sized.changes.length + sized.waits.length === 0,
    summary: [counts, sized.because, ...sized.waits].join("; "),
    memory: { ...noted, holdMs: o.holdMs, spareSinceMs: sized.since },
  };
}

/** Adds instances for what a class lacks, the cheapest way first; returns the variants of those that found a host. */
function addSeats(
  facts: ScalingFacts,
  seats: Seat[],
  one: PaperClass,
  lackingRows: number,
): readonly VariantEntry[] {
  const added: VariantEntry[] = [];
  let left = lackingRows;
  const isSeated = (entry: VariantEntry) => seats.some((seat) => seat.entry === entry);
  const bytesFor = (entry: VariantEntry) =>
    Math.ceil(left / rowsOfSeat(entry)) * entry.variant.profile.peakMemoryBytes;
  const ways = [...one.able].sort(
    (a, b) => bytesFor(a) - bytesFor(b) || Number(isSeated(b)) - Number(isSeated(a)) || a.index - b.index,
  );
  for (const entry of ways) {
    while (left > 0) {
      const host = hostFor(facts, seats, entry);
      if (host === null) break;
      seats.push({ host, entry, rows: 0 });
      added.push(entry);
      left -= rowsOfSeat(entry);
    }
  }
  return added;
}

/** The least busy host without this variant that has the memory, and time left; null: there is none. */
function hostFor(facts: ScalingFacts, seats: readonly Seat[], entry: VariantEntry): string | null {
  const { pool } = facts;
  const busy = busyByHost(seats, pool.cores);
  const able = serving(facts).filter(({ name }) => {
    const there = seats.filter((seat) => seat.host === name);
    const taken = there.reduce((sum, seat) => sum + seat.entry.variant.profile.peakMemoryBytes, 0);
    const fits = taken + entry.variant.profile.peakMemoryBytes <= pool.memoryBytes;
    return fits && (busy.get(name) ?? 0) < 1 && !there.some((seat) => seat.entry === entry);
  });
  const [first] = able.sort((a, b) => (busy.get(a.name) ?? 0) - (busy.get(b.name) ?? 0));
  return first?.name ?? null;
}

/** One instance of each variant that the others can do without, those first that take the most memory for a row. */
function spareSeats(
  facts: ScalingFacts,
  classes: readonly PaperClass[],
  seats: readonly Seat[],
): readonly Seat[] {
  const hosts = new Map(facts.hosts.map((host) => [host.name, host]));
  const isReady = (seat: Seat) => hosts.get(seat.host)?.ready.has(seat.entry.variant.name) === true;
  const entries = [...new Set(seats.map(({ entry }) => entry))];
  const spare = entries.flatMap((entry) => {
    const ofVariant = seats.filter((seat) => seat.entry === entry);
    const others = ofVariant.filter(isReady);
    const least = [...others]
      .filter(({ host }) => hosts.get(host)?.removable?.has(entry.variant.name) === true)
      .sort((a, b) => a.rows - b.rows || (a.host < b.host ? 1 : -1))[0];
    if (least === undefined || others.length < 2) return [];
    const rest = seats.filter((seat) => seat !== least).map((seat) => ({ ...seat }));
    const left = [...seatAll(classes, rest, facts.pool.cores).values()];
    return left.some((rows) => rows > 0) ? [] : [least];
  });
  return spare.sort((a, b) => memoryPerRow(b.entry) - memoryPerRow(a.entry) || a.entry.index - b.entry.index);
}

/** Since when each of these is so; what is so no longer is forgotten. */
function sinceWhen(
  { spareSinceMs }: ScalingMemory,
  names: readonly string[],
  nowMs: number,
): ReadonlyMap<string, number> {
  return new Map(names.map((name) => [name, spareSinceMs?.get(name) ?? nowMs]));
}

interface HostSizing {
  readonly classes: readonly PaperClass[];
  readonly seats: readonly Seat[];
  /** Some demand has no room. */
  readonly isShort: boolean;
  readonly since: ReadonlyMap<string, number>;
  readonly before: ScalingMemory;
  readonly holdMs: number;
  readonly maxUsdPerHour: number | null;
}

interface SizedHosts {
  readonly wanted: number;
  readonly changes: readonly HostChange[];
  readonly waits: readonly string[];
  readonly because: string;
  readonly since: ReadonlyMap<string, number>;
}

function sizeHosts(facts: ScalingFacts, s: HostSizing): SizedHosts {
  const { pool, overdueMs, nowMs, demandKnown } = facts;
  const active = activeHosts(facts);
  const busy = busyByHost(s.seats, pool.cores);
  const all = [...busy.values()].reduce((sum, share) => sum + share, 0);
  const isBusy = active.length > 0 && active.every(({ name }) => (busy.get(name) ?? 0) > BUSY_ABOVE);
  const isComing = active.some((host) => host.state !== "up");
  const because = `demand keeps ${figure(all)} hosts busy`;
  const isFull = !isComing && (s.isShort || isBusy || overdueMs > 0);
  const wanted = Math.min(pool.maxHosts, Math.max(pool.minHosts, active.length + Number(isFull)));
  if (wanted > active.length) {
    const most = mostHosts(pool, s.maxUsdPerHour);
    const changes = planStarts(facts, { count: wanted - active.length, most }, because);
    return { wanted, changes, waits: [], because, since: s.since };
  }
  const isSpare = active.length > pool.minHosts && !s.isShort && all < BUSY_ABOVE * (active.length - 1);
  if (!isSpare || !demandKnown) return { wanted, changes: [], waits: [], because, since: s.since };
  const sinceMs = s.before.spareSinceMs?.get(HOST_KEY) ?? nowMs;
  const since = new Map([...s.since, [HOST_KEY, sinceMs] as const]);
  if (nowMs - sinceMs < s.holdMs) return { wanted, changes: [], waits: [], because, since };
  const demands = s.classes.map(({ key, demand }) => ({ key, demand, columns: [] }));
  const idle = new Set(active.map(({ name }) => name));
  const removal = planRemoval(facts, { idle, demands }, because);
  if (typeof removal === "string") return { wanted, changes: [], waits: [removal], because, since };
  return { wanted: wanted - 1, changes: [removal], waits: [], because, since: s.since };
}

function loadStep({ host, entry }: Seat, classes: readonly PaperClass[]): PlacementStep {
  const { name } = entry.variant;
  const asked = classes
    .filter(({ able }) => able.includes(entry))
    .map(({ demand }) => `'${demand.target.name}'`);
  return {
    variant: name,
    executor: host,
    because: `capacity is less than ${SLACK} times the load of ${[...new Set(asked)].join(", ")}`,
  };
}

function unloadStep({ host, entry: { variant } }: Seat): PlacementStep {
  const seconds = figure(variant.profile.loadMs / 1_000);
  return {
    variant: variant.name,
    executor: host,
    because: `the others have been enough for the ${seconds} s that it takes to load`,
  };
}

function hostsOf(seats: readonly Seat[], cores: number) {
  const busy = busyByHost(seats, cores);
  return [...new Set(seats.map(({ host }) => host))].map((name) => ({
    name,
    variants: seats
      .filter((seat) => seat.host === name)
      .map(({ entry }) => entry.variant.name)
      .sort(),
    busy: busy.get(name) ?? 0,
  }));
}

interface LineFacts {
  readonly one: PaperClass;
  readonly seats: readonly Seat[];
  readonly existing: ReadonlySet<Seat>;
  readonly added: readonly VariantEntry[];
  readonly unserved: ReadonlyMap<string, number>;
}

function lineOf(facts: ScalingFacts, { one, seats, existing, added, unserved }: LineFacts): PlanLine {
  const mine = seats.filter(({ entry }) => one.able.includes(entry));
  const before = mine.filter((seat) => existing.has(seat));
  const from = namesOf(before);
  const to = namesOf(mine.filter(({ rows }) => rows > 0));
  const unservedPerSecond = unserved.get(one.key) ?? 0;
  const isNew = added.some((entry) => !from.includes(entry.variant.name));
  const kind =
    added.length > 0 ? (isNew ? "upgrade" : "replicate") : unservedPerSecond > 0 ? "refuse" : "leave alone";
  const usdPerHour = memoryUsd(facts, mine);
  const unchangedUsdPerHour = memoryUsd(facts, before);
  const prices = `$${figure(usdPerHour)} an hour by memory, $${figure(unchangedUsdPerHour)} as it is`;
  return {
    kind,
    target: one.demand.target.name,
    from,
    to,
    hosts: [...new Set(mine.map(({ host }) => host))].sort(),
    usdPerHour,
    unchangedUsdPerHour,
    unservedPerSecond,
    because: `'${one.demand.target.name}': ${kind}; ${prices}`,
  };
}

function namesOf(seats: readonly Seat[]): readonly string[] {
  return [...new Set(seats.map(({ entry }) => entry.variant.name))].sort();
}

/** Price of a host by the share of its memory that these take. */
function memoryUsd({ pool }: ScalingFacts, seats: readonly Seat[]): number {
  const bytes = seats.reduce((sum, { entry }) => sum + entry.variant.profile.peakMemoryBytes, 0);
  return (bytes / pool.memoryBytes) * pool.pricePerHourUsd;
}
