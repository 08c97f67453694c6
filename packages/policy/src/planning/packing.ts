import type {
  PlacementPlan,
  PlanClass,
  PlanColumn,
  PlanHost,
  PlannedShare,
  PlanningProblem,
} from "./problem";

/** A part of a class on a host, by index; `share` is of the host's time. */
export interface Piece {
  readonly host: number;
  readonly column: number;
  readonly share: number;
}

/** A problem whose columns are found by index. */
export interface IndexedProblem {
  readonly problem: PlanningProblem;
  /** By class. */
  readonly columns: readonly (readonly IndexedColumn[])[];
  /** Index of each variant by its name. */
  readonly variants: ReadonlyMap<string, number>;
}

/** A column by index. */
interface IndexedColumn {
  readonly variant: number;
  /** Hosts of its type in their order. */
  readonly hosts: readonly number[];
  readonly of: PlanColumn;
  /** Loading it once, US dollars per hour of the dwell, by host price. */
  readonly loadPerHostPrice: number;
}

/** Less than any share that matters. */
export const SHARE_EPSILON = 1e-9;
/** Host time that is not served costs so many times what all hosts cost, so that what fits is served first. */
const UNSERVED_FACTOR = 1e4;
const SECONDS_PER_HOUR = 3_600;
const MS_PER_SECOND = 1_000;

const NOWHERE: readonly Piece[] = [];

/** Returns what every search over a problem shares. */
export function indexed(problem: PlanningProblem): IndexedProblem {
  const { classes, hosts, dwellSeconds } = problem;
  const variants = new Map<string, number>();
  const byType = new Map<string, number[]>();
  hosts.forEach(({ hostType }, h) => {
    const of = byType.get(hostType);
    if (of === undefined) byType.set(hostType, [h]);
    else of.push(h);
  });
  const seconds = Math.max(dwellSeconds, 1);
  const columns = classes.map((one) =>
    one.columns.map((of): IndexedColumn => {
      const variant = variants.get(of.variant) ?? variants.size;
      variants.set(of.variant, variant);
      const loadPerHostPrice = of.loadMs / MS_PER_SECOND / seconds;
      return { variant, hosts: byType.get(of.hostType) ?? [], of, loadPerHostPrice };
    }),
  );
  return { problem, columns, variants };
}

/**
 * Hosts being filled with parts of classes: the state of a search. Every bound of a plan (host time, memory, instances,
 * dollars) is kept by whatever `fill` adds.
 */
export class Packing {
  readonly problem: PlanningProblem;
  readonly columns: readonly (readonly IndexedColumn[])[];
  /** Pieces by class. */
  readonly pieces: (readonly Piece[])[];
  /** Scratch of `fill`: hosts that have a piece of the class, what each other one has room for, and hosts by tier. */
  private readonly marked: Uint8Array;
  private readonly rooms: Float64Array;
  private readonly tiers: readonly [number[], number[], number[]] = [[], [], []];
  /** Hosts that were looked at: what the search has cost. */
  work = 0;
  /** Share of each class, in host time of its first column, that is not served. */
  private readonly unserved: Float64Array;
  private readonly used: Float64Array;
  private readonly addedUsd: Float64Array;
  private readonly freeBytes: Float64Array;
  /** Pieces by host. */
  private readonly tenants: Int32Array;
  /** Pieces by host and variant. */
  private readonly users: Int32Array;
  /** Share by host and variant. */
  private readonly taken: Float64Array;
  /** 0: it would have to be loaded there; `KEPT`: it takes no more memory. */
  private readonly isPlaced: Uint8Array;
  private readonly variants: number;
  private readonly closed: Uint8Array;
  private readonly unservedUsd: number;
  private paidUsd: number;
  private hostsUsd = 0;
  private loadsUsd = 0;
  private penaltiesUsd = 0;
  private unservedCost = 0;

  constructor({ problem, columns, variants }: IndexedProblem) {
    const { classes, hosts } = problem;
    this.problem = problem;
    this.columns = columns;
    this.variants = variants.size;
    this.pieces = classes.map(() => NOWHERE);
    this.unserved = new Float64Array(classes.length);
    this.used = new Float64Array(hosts.length);
    this.marked = new Uint8Array(hosts.length);
    this.rooms = new Float64Array(hosts.length);
    this.addedUsd = Float64Array.from(hosts, (host) => host.addedUsdPerHour);
    this.freeBytes = Float64Array.from(hosts, (host) => host.memoryBytes);
    this.tenants = new Int32Array(hosts.length);
    this.closed = new Uint8Array(hosts.length);
    this.users = new Int32Array(hosts.length * this.variants);
    this.taken = new Float64Array(hosts.length * this.variants);
    this.isPlaced = new Uint8Array(hosts.length * this.variants);
    hosts.forEach(({ placed, kept }, h) => {
      for (const name of placed) {
        const variant = variants.get(name);
        if (variant !== undefined) this.isPlaced[h * this.variants + variant] = kept.has(name) ? KEPT : 1;
      }
    });
    this.paidUsd = hosts.reduce((sum, h) => sum + (h.addedUsdPerHour > 0 ? 0 : h.usdPerHour), 0);
    this.unservedUsd = UNSERVED_FACTOR * hosts.reduce((sum, h) => sum + h.usdPerHour + h.addedUsdPerHour, 1);
  }

  /** What all that stands here costs, US dollars per hour. */
  get totalUsd(): number {
    return this.hostsUsd + this.loadsUsd + this.penaltiesUsd + this.unservedCost;
  }

  /** Takes no more pieces on this host, or takes them again. */
  close(host: number, closed: boolean): void {
    this.closed[host] = closed ? 1 : 0;
  }

  usedOf(host: number): number {
    return this.used[host] as number;
  }

  isOpen(host: number): boolean {
    return (this.tenants[host] as number) > 0;
  }

  /** Replaces the pieces of a class. Whoever gives pieces back that stood here before keeps every bound. */
  set(of: number, pieces: readonly Piece[]): void {
    for (const piece of this.pieces[of] ?? []) this.apply(of, piece, -1);
    this.pieces[of] = pieces;
    for (const piece of pieces) this.apply(of, piece, 1);
    this.noteUnserved(of);
  }

  /** Rows per second of a class that no piece serves. */
  leftOf(of: number): number {
    const { rowsPerSecond } = this.classAt(of);
    const served = (this.pieces[of] ?? []).reduce((sum, p) => sum + p.share / this.hostTime(of, p.column), 0);
    const left = rowsPerSecond - served;
    return left > SHARE_EPSILON * Math.max(1, rowsPerSecond) ? left : 0;
  }

  /**
   * Returns pieces that serve so many rows per second by one column, as many as there is room for, the cheapest first, and
   * what they would add. Nothing is changed.
   */
  fill(of: number, column: number, rowsPerSecond: number): Filling {
    const indexed = this.columnAt(of, column);
    const { hosts, of: by } = indexed;
    const total = rowsPerSecond * by.hostSecondsPerRow;
    const filling: FillingState = { left: total, pieces: [], addedUsd: 0, openedUsd: 0, column, indexed };
    this.work += hosts.length;
    for (const tier of this.tiers) tier.length = 0;
    const standing = this.pieces[of] as readonly Piece[];
    for (const piece of standing) this.marked[piece.host] = 1;
    for (const host of hosts) {
      if (this.marked[host] !== 0) continue;
      const room = this.roomOf(host, indexed);
      if (room <= SHARE_EPSILON) continue;
      this.rooms[host] = room;
      this.tiers[this.tierOf(host, indexed)].push(host);
    }
    for (const piece of standing) this.marked[piece.host] = 0;
    for (let tier = 0; tier < this.tiers.length && filling.left > SHARE_EPSILON; tier++)
      this.fillTier(filling, this.tiers[tier] as number[], tier === OPENING_TIER);
    const left = Math.max(0, filling.left);
    const served = total - left;
    const penalty = (served / by.hostSecondsPerRow) * by.penaltyUsdPerRow * SECONDS_PER_HOUR;
    const unserved = this.unservedPrice(of, left / by.hostSecondsPerRow);
    return { pieces: filling.pieces, addedUsd: filling.addedUsd + penalty + unserved };
  }

  /** Takes the emptiest hosts while none has room for all that is left, then the cheapest and fullest that has. */
  private fillTier(filling: FillingState, candidates: number[], isOpening: boolean): void {
    const roomOf = (host: number | undefined) => (host === undefined ? 0 : (this.rooms[host] as number));
    const usdOf = (host: number) => (isOpening ? this.addedOf(host, filling.indexed) : 0);
    let roomiest = 0;
    for (const host of candidates) roomiest = Math.max(roomiest, roomOf(host));
    let taken = 0;
    if (roomiest < filling.left - SHARE_EPSILON) {
      candidates.sort((a, b) => roomOf(b) - roomOf(a) || usdOf(a) - usdOf(b) || a - b);
      for (; taken < candidates.length && roomOf(candidates[taken]) < filling.left - SHARE_EPSILON; taken++)
        this.take(filling, candidates[taken] as number, isOpening);
    }
    let [best, bestRoom, bestUsd] = [-1, 0, 0];
    for (let c = taken; c < candidates.length && filling.left > SHARE_EPSILON; c++) {
      const host = candidates[c] as number;
      const room = roomOf(host);
      if (room < filling.left - SHARE_EPSILON) continue;
      const usd = usdOf(host);
      const isCheaper = usd < bestUsd - SHARE_EPSILON;
      const isFuller = usd <= bestUsd + SHARE_EPSILON && room < bestRoom;
      if (best < 0 || isCheaper || isFuller) [best, bestRoom, bestUsd] = [host, room, usd];
    }
    if (best >= 0) this.take(filling, best, isOpening);
  }

  private take(filling: FillingState, host: number, isOpening: boolean): void {
    if (!this.isAffordable(host, filling.openedUsd)) return;
    const share = Math.min(filling.left, this.rooms[host] as number);
    filling.pieces.push({ host, column: filling.column, share });
    filling.left -= share;
    filling.addedUsd += this.addedOf(host, filling.indexed);
    const at = this.problem.hosts[host] as PlanHost;
    if (isOpening && !this.isOpen(host) && at.addedUsdPerHour > 0) filling.openedUsd += at.usdPerHour;
  }

  /** Returns what stands here. */
  plan(): PlacementPlan {
    const { classes, hosts } = this.problem;
    const variants = hosts.map(() => new Set<string>());
    const planned = classes.map((of, c) => {
      const shares = (this.pieces[c] ?? []).map(({ host, column, share }): PlannedShare => {
        const by = of.columns[column] as PlanColumn;
        variants[host]?.add(by.variant);
        return { host: hosts[host]?.name ?? "", column: by, rowsPerSecond: share / by.hostSecondsPerRow };
      });
      return { of, shares, unservedPerSecond: this.leftOf(c) };
    });
    const price = { hosts: this.hostsUsd, loads: this.loadsUsd, penalties: this.penaltiesUsd };
    return {
      classes: planned,
      hosts: hosts.flatMap(({ name }, h) =>
        this.isOpen(h) ? [{ name, variants: [...(variants[h] ?? [])].sort(), busy: this.usedOf(h) }] : [],
      ),
      price: { ...price, unserved: this.unserved.reduce((sum, usd) => sum + usd, 0), total: this.totalUsd },
    };
  }

  /** What is paid and has the variant, what is paid, the rest: each dearer than the one before. */
  private tierOf(host: number, { variant, loadPerHostPrice }: IndexedColumn): 0 | 1 | 2 {
    const isPaid = this.isOpen(host) || this.addedUsd[host]! <= 0;
    if (!isPaid) return OPENING_TIER;
    if (this.hasIt(host, variant)) return 0;
    // A load that takes longer than the plan stands costs more than a host that has it already.
    return loadPerHostPrice < 1 ? 1 : OPENING_TIER;
  }

  private hasIt(host: number, variant: number): boolean {
    const cell = host * this.variants + variant;
    return this.users[cell] !== 0 || this.isPlaced[cell] !== 0;
  }

  /** What the first piece of a variant on a host adds, US dollars per hour. */
  private addedOf(host: number, { variant, loadPerHostPrice }: IndexedColumn): number {
    const at = this.problem.hosts[host] as PlanHost;
    const load = this.hasIt(host, variant) ? 0 : loadPerHostPrice * at.usdPerHour;
    return load + (this.isOpen(host) ? 0 : at.addedUsdPerHour);
  }

  private roomOf(host: number, { variant, of: by }: IndexedColumn): number {
    if (this.closed[host] !== 0) return 0;
    const cell = host * this.variants + variant;
    const isThere = this.users[cell] !== 0 || this.isPlaced[cell] === KEPT;
    if (!isThere && (this.freeBytes[host] as number) < by.memoryBytes) return 0;
    return Math.min(1 - (this.used[host] as number), by.shareMax - (this.taken[cell] as number));
  }

  private isAffordable(host: number, openedUsd: number): boolean {
    const { maxUsdPerHour, hosts } = this.problem;
    const at = hosts[host] as PlanHost;
    if (maxUsdPerHour === null || this.isOpen(host) || at.addedUsdPerHour <= 0) return true;
    return this.paidUsd + openedUsd + at.usdPerHour <= maxUsdPerHour + SHARE_EPSILON;
  }

  private apply(of: number, { host, column, share }: Piece, sign: 1 | -1): void {
    const { variant, of: by, loadPerHostPrice } = this.columnAt(of, column);
    const at = this.problem.hosts[host] as PlanHost;
    const cell = host * this.variants + variant;
    const tenants = (this.tenants[host] as number) + sign;
    const users = (this.users[cell] as number) + sign;
    const isFirst = (count: number) => count === (sign === 1 ? 1 : 0);
    if (isFirst(tenants) && at.addedUsdPerHour > 0) {
      this.hostsUsd += sign * at.addedUsdPerHour;
      this.paidUsd += sign * at.usdPerHour;
    }
    if (isFirst(users)) {
      const bytes = this.isPlaced[cell] === KEPT ? 0 : by.memoryBytes;
      this.freeBytes[host] = (this.freeBytes[host] as number) - sign * bytes;
      if (this.isPlaced[cell] === 0) this.loadsUsd += sign * loadPerHostPrice * at.usdPerHour;
    }
    this.tenants[host] = tenants;
    this.users[cell] = users;
    this.used[host] = tenants === 0 ? 0 : (this.used[host] as number) + sign * share;
    this.taken[cell] = users === 0 ? 0 : (this.taken[cell] as number) + sign * share;
    this.penaltiesUsd += (sign * share * by.penaltyUsdPerRow * SECONDS_PER_HOUR) / this.hostTime(of, column);
  }

  private noteUnserved(of: number): void {
    this.unservedCost -= this.unserved[of] as number;
    this.unserved[of] = this.unservedPrice(of, this.leftOf(of));
    this.unservedCost += this.unserved[of] as number;
  }

  /** Least that so many rows of a class cost by one of its columns, US dollars per hour, where the host costs nothing more. */
  leastUsd(of: number, column: number, rowsPerSecond: number): number {
    const { penaltyUsdPerRow } = this.columnAt(of, column).of;
    const penalty = rowsPerSecond * penaltyUsdPerRow * SECONDS_PER_HOUR;
    return Math.min(penalty, this.unservedPrice(of, rowsPerSecond));
  }

  private unservedPrice(of: number, rowsPerSecond: number): number {
    const { weight, columns } = this.classAt(of);
    // A class that nothing can serve is nobody's to pay for.
    const [first] = columns;
    return first === undefined ? 0 : weight * this.unservedUsd * rowsPerSecond * first.hostSecondsPerRow;
  }

  private hostTime(of: number, column: number): number {
    return this.columnAt(of, column).of.hostSecondsPerRow;
  }

  private columnAt(of: number, column: number): IndexedColumn {
    return (this.columns[of] as readonly IndexedColumn[])[column] as IndexedColumn;
  }

  private classAt(of: number): PlanClass {
    return this.problem.classes[of] as PlanClass;
  }
}

/** Pieces that would serve a class, and what they add to the price, unserved rows included. */
export interface Filling {
  readonly pieces: readonly Piece[];
  readonly addedUsd: number;
}

interface FillingState {
  left: number;
  readonly pieces: Piece[];
  addedUsd: number;
  openedUsd: number;
  readonly column: number;
  readonly indexed: IndexedColumn;
}

const KEPT = 2;
/** Hosts that nobody uses or pays for yet; those before it cost at most a load. */
const OPENING_TIER = 2;
