/**
 * A tenant stays counted this long after its last query, so that one that pauses between two does not lose
 * its place.
 */
export const TENANT_ACTIVE_MS = 5_000;
/** Queries of one tenant that may wait at one instance. */
export const TENANT_WAITING_MAX = 1_024;
/**
 * Time of the instance that a tenant may be given at once before what others wait for: bursts happen within a
 * share too.
 */
const BURST_MS = 100;
/** Bounds of the hop below: a frontend that falls behind must not give the whole line ahead. */
const HOP_MIN_MS = 2;
const HOP_MAX_MS = 50;
/** Batches' worth of rows that an engine is given ahead: one that runs and one that is ready when it ends. */
const BATCHES_AHEAD = 2;

/** A query that wants to go to an instance. */
export interface FairQuery {
  readonly tenant: string;
  readonly rows: number;
  /** Called by `takeTurns` when a query that waited may go. */
  turn(): void;
}

/** The place of a query at an instance, from its admission until it leaves. */
export interface FairPlace {
  readonly kind: "waiting" | "sent" | "left";
  readonly query: FairQuery;
  /** Its tenant is over its share: at the instance it gives way to the rest. */
  readonly spare: boolean;
}

/** Why a query may not wait. */
export interface FairRefusal {
  readonly kind: "refuse";
  /** Its tenant's line is full, or so long that the query would be late. */
  readonly reason: "line-full" | "too-late";
  readonly waiting: number;
  /** Expected wait, and so when to come again. */
  readonly waitMs: number;
}

/** What is known of an instance's speed. */
export interface FairPace {
  readonly engines: number;
  readonly bestBatch: number;
  /** Time for one row when it is busy. */
  readonly rowMs: number;
  /** Time that few hops exceed: for an answer to be on its way and the next query to come. */
  readonly hopMs: number;
}

/**
 * Rows that keep an instance busy: what its engines run now and next at their best batch size, and during a
 * hop.
 */
export function fairWindowRows({ engines, bestBatch, rowMs, hopMs }: FairPace): number {
  const hop = Math.min(HOP_MAX_MS, Math.max(HOP_MIN_MS, hopMs));
  return engines * bestBatch * BATCHES_AHEAD + (rowMs > 0 ? Math.ceil(hop / rowMs) : 0);
}

/**
 * Shares one instance among tenants by start-time fair queueing (Goyal, Vin, Cheng: SIGCOMM '96), in rows.
 *
 * A tenant alone passes untouched. Among several, each may always have its equal share of the window at the instance;
 * what the others leave is anybody's, and beyond the window queries wait here, each tenant in its own bounded line.
 * What a tenant over its share sends is marked as spare, so that at the instance it gives way to the others: they wait
 * for the batch that runs and not for the window. Over its share is who was given a burst more than one that waits, and
 * who has a share waiting without being a burst behind; while nobody else waits, who has a share there. Pure: time is a
 * parameter. A query that passes costs one look-up and one small object.
 */
export class FairQueue {
  private readonly accounts = new Map<string, Account>();
  private readonly burstRows: number;
  private sentRows = 0;
  private waitingAccounts = 0;
  private virtualTime = 0;
  private sweptAtMs = Number.NEGATIVE_INFINITY;
  private taking = false;

  /** `rowMs`: time of the instance for one row when it is busy. */
  constructor(
    private windowRows: number,
    private readonly rowMs: number,
  ) {
    this.burstRows = rowMs > 0 ? BURST_MS / rowMs : windowRows;
  }

  /** The hop was measured anew. Those that a larger window lets go are taken with the next turn. */
  resize(windowRows: number): void {
    this.windowRows = windowRows;
  }

  /** Tenants that share the instance now. */
  get tenants(): number {
    return this.accounts.size;
  }

  /**
   * Decides on one more query, which can wait `waitMaxMs` and still be answered in time. It is `sent` or
   * `waiting`, and must `leave` in the end.
   */
  admit(query: FairQuery, nowMs: number, waitMaxMs = Number.POSITIVE_INFINITY): FairPlace | FairRefusal {
    const account = this.accountOf(query.tenant, nowMs);
    if (nowMs - this.sweptAtMs >= TENANT_ACTIVE_MS) this.sweep(nowMs);
    if (account.head === null && this.mayPass(account, query.rows)) return this.send(account, query);
    const { waiting } = account;
    const waitMs = (account.waitingRows + query.rows) * this.rowMs * this.accounts.size;
    if (waiting >= TENANT_WAITING_MAX) return { kind: "refuse", reason: "line-full", waiting, waitMs };
    if (waitMs > waitMaxMs) return { kind: "refuse", reason: "too-late", waiting, waitMs };
    return this.line(account, query);
  }

  /** The query has ended, or gives up its place in the line. Idempotent. */
  leave(given: FairPlace): void {
    const place = given as Place;
    if (place.kind === "waiting") this.unline(place);
    else if (place.kind === "sent") this.removeRows(place);
    place.kind = "left";
  }

  /** Takes the query whose turn it is, now at the instance; null when none waits or none may go yet. */
  next(): FairPlace | null {
    if (this.waitingAccounts === 0) return null;
    let first: Place | null = null;
    let firstSpare = true;
    for (const account of this.accounts.values()) {
      const { head } = account;
      if (head === null) continue;
      const spare = !this.isWithinShare(account);
      if (spare && !this.isWindowOpen(head.query.rows)) continue;
      const isEarlier = spare === firstSpare && (first === null || head.startTag < first.startTag);
      if (!isEarlier && !(firstSpare && !spare)) continue;
      first = head;
      firstSpare = spare;
    }
    if (first === null) return null;
    this.unline(first);
    this.virtualTime = Math.max(this.virtualTime, first.startTag);
    this.put(first);
    return first;
  }

  /**
   * Calls every query whose turn it is. Called again from within, it leaves the rest to the call that runs.
   */
  takeTurns(): void {
    if (this.taking || this.waitingAccounts === 0) return;
    this.taking = true;
    try {
      for (let place = this.next(); place !== null; place = this.next()) place.query.turn();
    } finally {
      this.taking = false;
    }
  }

  /**
   * Whether its tenant has less than its share there; the query itself may go beyond, or a large one would
   * never go.
   */
  private isWithinShare(account: Account): boolean {
    const tenants = this.accounts.size;
    return tenants === 1 || account.sentRows < this.windowRows / tenants;
  }

  /** A tenant within its share over time may send a burst, whatever the others have there. */
  private mayPass(account: Account, rows: number): boolean {
    if (this.isWithinShare(account) || this.isWindowOpen(rows)) return true;
    const aheadRows = this.rowsAhead(account, Math.max(this.virtualTime, account.finishTag));
    return aheadRows !== null && aheadRows <= this.burstRows;
  }

  /**
   * For a query that goes now with `startTag`. Where others wait, what counts is who was given more over
   * time.
   */
  private isOverShare(account: Account, startTag: number): boolean {
    const tenants = this.accounts.size;
    if (tenants === 1) return false;
    const shareRows = this.windowRows / tenants;
    const aheadRows = this.rowsAhead(account, startTag);
    if (aheadRows === null) return account.sentRows >= shareRows || account.waitingRows >= shareRows;
    return aheadRows > this.burstRows || (account.waitingRows >= shareRows && aheadRows > -this.burstRows);
  }

  /** By how much virtual time at `startTag` is ahead of the others that wait; null when none does. */
  private rowsAhead(account: Account, startTag: number): number | null {
    if (this.waitingAccounts === (account.head === null ? 0 : 1)) return null;
    let othersTag = Number.POSITIVE_INFINITY;
    for (const other of this.accounts.values())
      if (other !== account && other.head !== null) othersTag = Math.min(othersTag, other.head.startTag);
    return startTag - othersTag;
  }

  private isWindowOpen(rows: number): boolean {
    return this.sentRows + rows <= this.windowRows;
  }

  private send(account: Account, query: FairQuery): Place {
    const place = this.placeIn(account, query);
    this.virtualTime = place.startTag;
    this.put(place);
    return place;
  }

  private placeIn(account: Account, query: FairQuery): Place {
    const startTag = Math.max(this.virtualTime, account.finishTag);
    account.finishTag = startTag + query.rows;
    return { kind: "left", query, spare: false, account, before: null, behind: null, startTag };
  }

  private put(place: Place): void {
    const { account, query } = place;
    place.spare = this.isOverShare(account, place.startTag);
    place.kind = "sent";
    account.sentRows += query.rows;
    this.sentRows += query.rows;
  }

  private removeRows({ account, query }: Place): void {
    account.sentRows -= query.rows;
    this.sentRows -= query.rows;
  }

  private line(account: Account, query: FairQuery): Place {
    const place = this.placeIn(account, query);
    place.kind = "waiting";
    place.before = account.tail;
    if (account.tail === null) {
      account.head = place;
      this.waitingAccounts++;
    } else account.tail.behind = place;
    account.tail = place;
    account.waiting++;
    account.waitingRows += query.rows;
    return place;
  }

  private unline(place: Place): void {
    const { account, before, behind } = place;
    if (before === null) account.head = behind;
    else before.behind = behind;
    if (behind === null) account.tail = before;
    else behind.before = before;
    place.before = null;
    place.behind = null;
    account.waiting--;
    account.waitingRows -= place.query.rows;
    if (account.head === null) this.waitingAccounts--;
  }

  private accountOf(tenant: string, nowMs: number): Account {
    let account = this.accounts.get(tenant);
    if (account === undefined) {
      account = newAccount();
      this.accounts.set(tenant, account);
    }
    account.seenAtMs = nowMs;
    return account;
  }

  private sweep(nowMs: number): void {
    this.sweptAtMs = nowMs;
    for (const [tenant, account] of this.accounts) {
      const idle = account.sentRows === 0 && account.head === null;
      if (idle && nowMs - account.seenAtMs >= TENANT_ACTIVE_MS) this.accounts.delete(tenant);
    }
  }
}

/** One tenant at one instance. */
interface Account {
  /** Rows at the instance. */
  sentRows: number;
  /** Rows and queries that wait here, in order of arrival. */
  waitingRows: number;
  waiting: number;
  head: Place | null;
  tail: Place | null;
  /** Where in virtual time its last query ends. */
  finishTag: number;
  seenAtMs: number;
}

interface Place extends FairPlace {
  kind: FairPlace["kind"];
  spare: boolean;
  readonly account: Account;
  /** Neighbours in the tenant's line. */
  before: Place | null;
  behind: Place | null;
  /** Place in virtual time. */
  readonly startTag: number;
}

function newAccount(): Account {
  return {
    sentRows: 0,
    waitingRows: 0,
    waiting: 0,
    head: null,
    tail: null,
    finishTag: 0,
    seenAtMs: 0,
  };
}
