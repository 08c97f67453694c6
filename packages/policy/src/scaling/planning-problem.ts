import type { Catalog } from "../catalog";
import { HEADROOM_AXES, headroomBy } from "../planning/headroom";
import type { PlanClass, PlanColumn, PlanHost, PlanningProblem } from "../planning/problem";
import { type ClassDemand, type Column, classKey, columnsOf, shortfall, type TypedHost } from "./capacity";
import { type ExpectedLoads, loadKey } from "./load-ledger";
import { plannedRows } from "./planned-rate";

/** What a plan is priced and bounded by. */
export interface PlanTerms {
  /** How long the plan is expected to stand, seconds. */
  readonly dwellSeconds: number;
  /** A violated query costs so many times what answering it costs in host time. */
  readonly violationFactor: number;
  /** Most US dollars per hour of all hosts together; null: no bound. */
  readonly maxUsdPerHour: number | null;
}

/** A class of a problem, with the demand and the variants that it was made of. */
export interface PlannedDemand {
  /** Of the class of the problem. */
  readonly key: string;
  readonly demand: ClassDemand;
  /** The variants that it may be planned with, the one first that selection prefers; none: it cannot be planned. */
  readonly columns: readonly Column[];
}

/** A problem beside what it was made of, class by class in the same order. */
export interface DemandProblem {
  readonly problem: PlanningProblem;
  readonly demands: readonly PlannedDemand[];
}

/** Most columns that a class is planned with: the cheapest ones. */
const COLUMNS_MAX = 8;
/** What profiles and a host's time are believed to: other processes and a quota's pauses take the rest. */
const PROFILE_TRUST = 0.9;
/** Least utilisation that is planned with, where the table allows next to nothing: the objective is then missed now and then. */
const UTILISATION_LEAST = 0.05;
/** Queries without a latency objective are meant to wait no longer than this. */
const UNSTATED_OBJECTIVE_MS = 1_000;
/** To be answered by less than the best costs a class that asks for the best this share of a violation, and up to twice that. */
const DOWNGRADE_SHARE = 0.5;
const SECONDS_PER_HOUR = 3_600;

/** Where demand may be served: the hosts, and of each type what was measured there is compared with. */
export interface PlanningGround {
  readonly catalog: Catalog;
  /** One for each type of host. */
  readonly types: readonly TypedHost[];
  readonly hosts: readonly PlanHost[];
  /** What loads took, where enough were seen; of others, or where it is absent, profiles tell. */
  readonly expectedLoads?: ExpectedLoads;
}

/**
 * Returns what is to be planned, in slices of one class each: every class with demand, by the upper bound of its rate or its
 * largest burst, and by `least` rows per second where that is more.
 */
export function* demandProblem(
  ground: PlanningGround,
  demand: readonly ClassDemand[],
  least: ReadonlyMap<string, number>,
  terms: PlanTerms,
): Generator<undefined, DemandProblem> {
  const demands: PlannedDemand[] = [];
  for (const one of demand) {
    if (one.arrivals === 0) continue;
    demands.push({
      key: classKey(one),
      demand: one,
      columns: ground.types.flatMap((type) => columnsOf(ground.catalog, type, one)),
    });
    yield;
  }
  const pools = poolLoads(demands);
  const placed = new Set(ground.hosts.flatMap((host) => [...host.placed]));
  const classes: PlanClass[] = [];
  for (const one of demands) {
    const { key, demand: of } = one;
    const columns = planColumns(one, { ground, pools, placed, terms });
    const rowsPerSecond = Math.max(plannedRows(of), least.get(key) ?? 0);
    classes.push({ key, rowsPerSecond, weight: of.weight ?? 1, columns });
    yield;
  }
  const { dwellSeconds, maxUsdPerHour } = terms;
  return { problem: { classes, hosts: ground.hosts, dwellSeconds, maxUsdPerHour }, demands };
}

/** Instances kept busy by all classes that prefer a variant, by its name: they share its queues. */
function poolLoads(demands: readonly PlannedDemand[]): ReadonlyMap<string, number> {
  const loads = new Map<string, number>();
  for (const { demand, columns } of demands) {
    const [first] = columns;
    if (first === undefined) continue;
    const key = first.entry.variant.name;
    loads.set(key, (loads.get(key) ?? 0) + plannedRows(demand) / first.rowsPerSecond);
  }
  return loads;
}

interface Making {
  readonly ground: PlanningGround;
  readonly pools: ReadonlyMap<string, number>;
  /** Variants that some host holds. */
  readonly placed: ReadonlySet<string>;
  readonly terms: PlanTerms;
}

/** The columns of a class that no other beats, the cheapest ones; of equals what is placed already stays. */
function planColumns({ demand, columns }: PlannedDemand, making: Making): readonly PlanColumn[] {
  const [best] = columns;
  if (best === undefined) return [];
  const able: Able[] = [];
  for (const column of columns) {
    const short = shortfall(column.entry, best.entry, demand);
    if (short > 0 && demand.noDowngrade === true) continue;
    const isPlaced = making.placed.has(column.entry.variant.name);
    const hostSeconds = column.share / column.rowsPerSecond;
    able.push({ column, short, isPlaced, hostSeconds, loadMs: loadMsOf(making.ground, column) });
  }
  // What beats another takes no more host time: whoever is beaten is so by one before it, mostly by one of the first.
  able.sort((a, b) => a.hostSeconds - b.hostSeconds);
  return able
    .filter((one) => one.isPlaced || !isBeaten(one, able))
    .map(({ column, short, loadMs }) => pricedColumn(column, { best, short, loadMs, demand, making }))
    .sort((a, b) => a.usdPerRow - b.usdPerRow || (a.column.variant < b.column.variant ? -1 : 1))
    .slice(0, COLUMNS_MAX)
    .map(({ column }) => column);
}

/** A column before it is priced. */
interface Able {
  readonly column: Column;
  readonly short: number;
  readonly isPlaced: boolean;
  /** Of a row. */
  readonly hostSeconds: number;
  readonly loadMs: number;
}

/** The median of the loads that were seen; of few, the warm one of the profile. */
function loadMsOf({ expectedLoads }: PlanningGround, { entry: { variant } }: Column): number {
  const { hostType, loadMs } = variant.profile;
  if (expectedLoads === undefined || expectedLoads.size === 0) return loadMs;
  return expectedLoads.get(loadKey(variant.name, hostType))?.phases.total.p50Ms ?? loadMs;
}

/** `able` is in order of host time. */
function isBeaten(one: Able, able: readonly Able[]): boolean {
  for (const other of able) {
    if (other.hostSeconds > one.hostSeconds) return false;
    if (other !== one && beats(other, one)) return true;
  }
  return false;
}

/** Whether the first is as good as the second in all that a price is made of, and better in one or first by name. */
function beats(a: Able, b: Able): boolean {
  const [x, y] = [a.column, b.column];
  const [v, w] = [x.entry.variant, y.entry.variant];
  const isNoWorse =
    a.hostSeconds <= b.hostSeconds &&
    x.share >= y.share &&
    x.batch >= y.batch &&
    x.serviceMs <= y.serviceMs &&
    v.concurrency >= w.concurrency &&
    a.short <= b.short &&
    v.profile.peakMemoryBytes <= w.profile.peakMemoryBytes &&
    (a.isPlaced || a.loadMs <= b.loadMs) &&
    v.profile.hostType === w.profile.hostType &&
    v.deviceKind === w.deviceKind;
  if (!isNoWorse) return false;
  const isEqual =
    a.hostSeconds === b.hostSeconds &&
    x.share === y.share &&
    x.batch === y.batch &&
    x.serviceMs === y.serviceMs &&
    v.concurrency === w.concurrency &&
    a.short === b.short &&
    v.profile.peakMemoryBytes === w.profile.peakMemoryBytes;
  return !isEqual || v.name < w.name;
}

interface Priced {
  readonly column: PlanColumn;
  readonly usdPerRow: number;
}

interface Pricing {
  /** The variant that the class prefers. */
  readonly best: Column;
  readonly short: number;
  readonly loadMs: number;
  readonly demand: ClassDemand;
  readonly making: Making;
}

function pricedColumn(column: Column, { best, short, loadMs, demand, making }: Pricing): Priced {
  const { entry, rowsPerSecond, share } = column;
  const { profile } = entry.variant;
  const usdPerSecond = priceOf(making.ground, profile.hostType) / SECONDS_PER_HOUR;
  const hostSeconds = share / rowsPerSecond;
  const ofViolation = violationUsdBy(best, making.ground, making.terms);
  const room = roomFor(column, demand, making);
  const downgradeUsd = short > 0 ? ofViolation * DOWNGRADE_SHARE * (1 + short) : 0;
  const hostSecondsPerRow = hostSeconds / room.utilisation;
  const penaltyUsdPerRow = ofViolation * room.lateShare + downgradeUsd;
  return {
    column: {
      variant: entry.variant.name,
      hostType: profile.hostType,
      hostSecondsPerRow,
      shareMax: share,
      memoryBytes: profile.peakMemoryBytes,
      loadMs,
      penaltyUsdPerRow,
    },
    usdPerRow: hostSecondsPerRow * usdPerSecond + penaltyUsdPerRow,
  };
}

/** Returns what a row of a class costs that is not answered in time, US dollars; 0 where nothing could answer it. */
export function violationUsd({ columns }: PlannedDemand, ground: PlanningGround, terms: PlanTerms): number {
  const [best] = columns;
  return best === undefined ? 0 : violationUsdBy(best, ground, terms);
}

function violationUsdBy(best: Column, ground: PlanningGround, { violationFactor }: PlanTerms): number {
  const usdPerSecond = priceOf(ground, best.entry.variant.profile.hostType) / SECONDS_PER_HOUR;
  return (violationFactor * best.share * usdPerSecond) / best.rowsPerSecond;
}

function priceOf({ types }: PlanningGround, hostType: string): number {
  return types.find((type) => type.hostType === hostType)?.pricePerHourUsd ?? 0;
}

/** Utilisation that leaves a class the time it needs, and the share of its queries that is late even so. */
interface Room {
  readonly utilisation: number;
  readonly lateShare: number;
}

/**
 * The cheapest of the utilisations of the table: less of it needs more hosts, more of it violates more. Pooled are the
 * instances that the classes with this variant need together; a batch is served as one, so its arrivals vary less.
 */
function roomFor(column: Column, demand: ClassDemand, { pools, ground, terms }: Making): Room {
  const { entry, rowsPerSecond, serviceMs, batch } = column;
  const load = pools.get(entry.variant.name) ?? plannedRows(demand) / rowsPerSecond;
  const objectivePerService = Math.max(1, (demand.latencyMs ?? UNSTATED_OBJECTIVE_MS) / serviceMs);
  const queriesPerBatch = Math.max(1, batch / demand.rowsPerQuery);
  const gapVariation = (demand.gapVariation ?? 1) / Math.sqrt(queriesPerBatch);
  const mostHosts = ground.hosts.length;
  const largest = headroomBy({ objectivePerService, gapVariation });
  const at = (lateShare: number): number => {
    let utilisation = UTILISATION_LEAST;
    let hosts = Math.max(1, Math.min(mostHosts, Math.ceil(load / PROFILE_TRUST)));
    // Fewer are pooled than that needs, more than it has: a step or two finds where both are one.
    for (let step = 0; step < POOL_STEPS; step++) {
      const servers = hosts * entry.variant.concurrency;
      utilisation = PROFILE_TRUST * largest(servers, lateShare);
      utilisation = Math.max(UTILISATION_LEAST, utilisation);
      const needed = Math.max(hosts, Math.min(mostHosts, Math.ceil(load / utilisation)));
      if (needed === hosts) break;
      hosts = needed;
    }
    return utilisation;
  };
  const rooms = HEADROOM_AXES.lateShares.map(
    (lateShare, index): Room => ({ utilisation: at(index), lateShare }),
  );
  const costOf = (room: Room) => 1 / room.utilisation + terms.violationFactor * room.lateShare;
  return rooms.reduce((best, room) => (costOf(room) < costOf(best) ? room : best));
}

const POOL_STEPS = 3;
