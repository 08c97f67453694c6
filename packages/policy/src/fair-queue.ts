/** A tenant stays counted this long after its last query, so that one that pauses between two does not lose its place. */
export const TENANT_ACTIVE_MS = 5_000;
/** Queries of one tenant that may wait at one instance. */
export const TENANT_WAITING_MAX = 1_024;
/** Time of the instance that a tenant may be given at once before what others wait for: bursts happen within a share too. */
const BURST_MS = 100;
/** Bounds of the hop below: a frontend that falls behind must not give the whole line ahead. */
const HOP_MIN_MS = 2;
const HOP_MAX_MS = 50;
/** Batches' worth of rows that an engine is given ahead: one that runs and one that is ready when it ends. */
const BATCHES_AHEAD = 2;

/** One query at an instance. The queue keeps its place in it, so that admitting allocates nothing; the first three are the owner's. */
export interface FairEntry {
  readonly tenant: string;
  readonly rows: number;
  /** Longest wait that leaves time to answer; Infinity without a deadline. */
  waitMaxMs: number;
  account: FairAccount | null;
  /** Neighbours in the tenant's line. */
  before: FairEntry | null;
  behind: FairEntry | null;
  /** Place in virtual time. */
  startTag: number;
  /** Its tenant is over its share: at the instance it gives way to the rest. */
  spare: boolean;
  state: "idle" | "waiting" | "sent";
}

/** Returns an entry as it is before it is admitted. */
export function freshEntry(tenant: string, rows: number): FairEntry {
  return {
    tenant,
    rows,
    waitMaxMs: Number.POSITIVE_INFINITY,
    account: null,
    before: null,
    behind: null,
    startTag: 0,
    spare: false,
    state: "idle",
  };
}

/** One tenant at one instance. */
export interface FairAccount {
  readonly tenant: string;
  /** Rows at the instance. */
  sentRows: number;
  /** Rows and queries that wait here, in order of arrival. */
  waitingRows: number;
  waiting: number;
  head: FairEntry | null;
  tail: FairEntry | null;
  /** Where in virtual time its last query ends. */
  finishTag: number;
  seenAtMs: number;
}

/** What becomes of a query now. */
export type FairVerdict =
  | { readonly kind: "send" }
  | { readonly kind: "wait" }
  | {
      readonly kind: "refuse";
      /** Its tenant's line is full, or so long that the query would be late. */
      readonly reason: "line-full" | "too-late";
      readonly waiting: number;
      /** Expected wait, and so when to come again. */
      readonly waitMs: number;
    };

const SEND: FairVerdict = { kind: "send" };
const WAIT: FairVerdict = { kind: "wait" };

/** What is known of an instance's speed. */
export interface FairPace {
  readonly engines: number;
  readonly bestBatch: number;
  /** Time for one row when it is busy. */
  readonly rowMs: number;
  /** Time that few hops exceed: for an answer to be on its way and the next query to come. */
  readonly hopMs: number;
}

/** Rows that keep an instance busy: what its engines run now and next at their best batch size, and during a hop. */
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
 * parameter. A query that passes costs one look-up.
 */
export class FairQueue {
  private readonly accounts = new Map<string, FairAccount>();
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

  /** Decides on one more query. Answers `send` or `wait` note it; it must be settled, or withdrawn while it waits. */
  admit(entry: FairEntry, nowMs: number): FairVerdict {
    const account = this.accountOf(entry.tenant, nowMs);
    if (nowMs - this.sweptAtMs >= TENANT_ACTIVE_MS) this.sweep(nowMs);
    if (account.head === null && this.mayPass(account, entry.rows)) {
      this.send(account, entry);
      return SEND;
    }
    const { waiting } = account;
    const waitMs = (account.waitingRows + entry.rows) * this.rowMs * this.accounts.size;
    if (waiting >= TENANT_WAITING_MAX) return { kind: "refuse", reason: "line-full", waiting, waitMs };
    if (waitMs > entry.waitMaxMs) return { kind: "refuse", reason: "too-late", waiting, waitMs };
    this.line(account, entry);
    return WAIT;
  }

  /** A sent query has ended, however it did. */
  settled(entry: FairEntry): void {
    if (entry.state !== "sent" || entry.account === null) return;
    entry.account.sentRows -= entry.rows;
    this.sentRows -= entry.rows;
    entry.state = "idle";
  }

  /** A query gives up its place in the line. */
  withdraw(entry: FairEntry): void {
    if (entry.state === "waiting" && entry.account !== null) this.unline(entry.account, entry);
  }

  /** Takes the query whose turn it is, now at the instance; null when none waits or none may go yet. */
  next(): FairEntry | null {
    if (this.waitingAccounts === 0) return null;
    let first: FairEntry | null = null;
    let firstSpare = true;
    for (const account of this.accounts.values()) {
      const { head } = account;
      if (head === null) continue;
      const spare = !this.isWithinShare(account);
      if (spare && !this.isWindowOpen(head.rows)) continue;
      const isEarlier = spare === firstSpare && (first === null || head.startTag < first.startTag);
      if (!isEarlier && !(firstSpare && !spare)) continue;
      first = head;
      firstSpare = spare;
    }
    if (first === null || first.account === null) return null;
    const { account } = first;
    this.unline(account, first);
    this.virtualTime = Math.max(this.virtualTime, first.startTag);
    this.put(account, first);
    return first;
  }

  /** Hands over every query whose turn it is. Called again from within, it leaves the rest to the call that runs. */
  takeTurns(send: (entry: FairEntry) => void): void {
    if (this.taking || this.waitingAccounts === 0) return;
    this.taking = true;
    try {
      for (let entry = this.next(); entry !== null; entry = this.next()) send(entry);
    } finally {
      this.taking = false;
    }
  }

  /** Whether its tenant has less than its share there; the query itself may go beyond, or a large one would never go. */
  private isWithinShare(account: FairAccount): boolean {
    const tenants = this.accounts.size;
    return tenants === 1 || account.sentRows < this.windowRows / tenants;
  }

  /** A tenant within its share over time may send a burst, whatever the others have there. */
  private mayPass(account: FairAccount, rows: number): boolean {
    if (this.isWithinShare(account) || this.isWindowOpen(rows)) return true;
    const aheadRows = this.rowsAhead(account, Math.max(this.virtualTime, account.finishTag));
    return aheadRows !== null && aheadRows <= this.burstRows;
  }

  /** For a query that goes now with `startTag`. Where others wait, what counts is who was given more over time. */
  private isOverShare(account: FairAccount, startTag: number): boolean {
    const tenants = this.accounts.size;
    if (tenants === 1) return false;
    const shareRows = this.windowRows / tenants;
    const aheadRows = this.rowsAhead(account, startTag);
    if (aheadRows === null) return account.sentRows >= shareRows || account.waitingRows >= shareRows;
    return aheadRows > this.burstRows || (account.waitingRows >= shareRows && aheadRows > -this.burstRows);
  }

  /** By how much virtual time at `startTag` is ahead of the others that wait; null when none does. */
  private rowsAhead(account: FairAccount, startTag: number): number | null {
    if (this.waitingAccounts === (account.head === null ? 0 : 1)) return null;
    let othersTag = Number.POSITIVE_INFINITY;
    for (const other of this.accounts.values())
      if (other !== account && other.head !== null) othersTag = Math.min(othersTag, other.head.startTag);
    return startTag - othersTag;
  }

  private isWindowOpen(rows: number): boolean {
    return this.sentRows + rows <= this.windowRows;
  }

  private send(account: FairAccount, entry: FairEntry): void {
    const startTag = Math.max(this.virtualTime, account.finishTag);
    account.finishTag = startTag + entry.rows;
    this.virtualTime = startTag;
    entry.startTag = startTag;
    this.put(account, entry);
  }

  private put(account: FairAccount, entry: FairEntry): void {
    entry.spare = this.isOverShare(account, entry.startTag);
    entry.account = account;
    entry.state = "sent";
    account.sentRows += entry.rows;
    this.sentRows += entry.rows;
  }

  private line(account: FairAccount, entry: FairEntry): void {
    entry.account = account;
    entry.state = "waiting";
    entry.before = account.tail;
    entry.behind = null;
    entry.startTag = Math.max(this.virtualTime, account.finishTag);
    account.finishTag = entry.startTag + entry.rows;
    if (account.tail === null) {
      account.head = entry;
      this.waitingAccounts++;
    } else account.tail.behind = entry;
    account.tail = entry;
    account.waiting++;
    account.waitingRows += entry.rows;
  }

  private unline(account: FairAccount, entry: FairEntry): void {
    if (entry.before === null) account.head = entry.behind;
    else entry.before.behind = entry.behind;
    if (entry.behind === null) account.tail = entry.before;
    else entry.behind.before = entry.before;
    entry.before = null;
    entry.behind = null;
    entry.state = "idle";
    account.waiting--;
    account.waitingRows -= entry.rows;
    if (account.head === null) this.waitingAccounts--;
  }

  private accountOf(tenant: string, nowMs: number): FairAccount {
    let account = this.accounts.get(tenant);
    if (account === undefined) {
      account = newAccount(tenant);
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

function newAccount(tenant: string): FairAccount {
  return {
    tenant,
    sentRows: 0,
    waitingRows: 0,
    waiting: 0,
    head: null,
    tail: null,
    finishTag: 0,
    seenAtMs: 0,
  };
}
