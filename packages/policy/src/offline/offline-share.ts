/** What is known, at one moment, of the instances that may answer rows of jobs. */
export interface OfflineFacts {
  /** Rows that keep all of them busy: what their engines run now and next. 0: none is ready. */
  readonly windowRows: number;
  /** Rows of online queries that they hold. */
  readonly onlineRows: number;
  /** Online queries with a latency objective that ended since the decision before. */
  readonly ended: number;
  /** Those of them that were late, or refused for want of time or room. */
  readonly missed: number;
  /** Share of the window that deadlines of jobs need, 0 to 1. */
  readonly neededShare: number;
}

/** Rows of jobs that may be under way, and what the next decision remembers. */
export interface OfflineShare {
  readonly rows: number;
  /** When it was decided. */
  readonly atMs: number;
  /** Since when jobs have their minimum alone; null: they may have more. */
  readonly pressedMs: number | null;
  /** When online queries missed their objective last. */
  readonly missedMs: number;
  /** How long they must not have missed it before jobs may have more. */
  readonly holdMs: number;
  /** When jobs might have more last. */
  readonly releasedMs: number;
}

/** Share of the window, and of the time, that jobs have whatever online queries need, so that none starves. */
export const OFFLINE_MIN_SHARE = 0.05;
/** Share of online queries that may miss their objective before jobs make room: the attainment that hosts are planned for. */
const MISSED_SHARE = 0.01;
/** How long jobs have their minimum alone after a miss, at first and at most: each release that is taken back doubles it. */
const HOLD_FIRST_MS = 2_000;
const HOLD_MAX_MS = 60_000;
/** Time in which the rows of jobs may double. */
const DOUBLING_MS = 250;
/** Time of which jobs have their share while they have their minimum alone. */
const CYCLE_MS = 5_000;

/** The share of a system that has run no job yet. */
export const FIRST_OFFLINE_SHARE: OfflineShare = {
  rows: 1,
  atMs: Number.NEGATIVE_INFINITY,
  pressedMs: null,
  missedMs: Number.NEGATIVE_INFINITY,
  holdMs: HOLD_FIRST_MS,
  releasedMs: Number.NEGATIVE_INFINITY,
};

/**
 * Returns how many rows of jobs may be under way from now on. The minimum at once when more than one in a hundred online queries
 * missed their objective, until none such moment was for the hold; then from one row on twice as many each quarter of a
 * second, up to what online queries leave of the window. The minimum is a twentieth of the window for a twentieth of
 * the time, or what deadlines need of the window all the time.
 */
export function offlineShare(before: OfflineShare, facts: OfflineFacts, nowMs: number): OfflineShare {
  const isMissed = facts.missed > facts.ended * MISSED_SHARE;
  const missedMs = isMissed ? nowMs : before.missedMs;
  const holdMs = isMissed && before.pressedMs === null ? nextHold(before, nowMs) : before.holdMs;
  const remembered = { atMs: nowMs, missedMs, holdMs };
  if (isMissed || (before.pressedMs !== null && nowMs - missedMs < holdMs)) {
    const pressedMs = before.pressedMs ?? nowMs;
    const rows = pressedRows(facts, nowMs - pressedMs);
    return { ...remembered, rows, pressedMs, releasedMs: before.releasedMs };
  }
  const releasedMs = before.pressedMs === null ? before.releasedMs : nowMs;
  const start = before.pressedMs === null ? Math.max(1, before.rows) : 1;
  const doublings = Math.min(1, Math.max(0, nowMs - before.atMs) / DOUBLING_MS);
  const room = Math.floor(facts.windowRows - facts.onlineRows);
  const most = Math.max(room, leastRows(facts));
  return {
    ...remembered,
    rows: Math.min(Math.ceil(start * 2 ** doublings), most),
    pressedMs: null,
    releasedMs,
  };
}

function nextHold({ releasedMs, holdMs }: OfflineShare, nowMs: number): number {
  return nowMs - releasedMs < HOLD_MAX_MS ? Math.min(HOLD_MAX_MS, 2 * holdMs) : HOLD_FIRST_MS;
}

/** The minimum, so long after it began to be all. */
function pressedRows(facts: OfflineFacts, passedMs: number): number {
  const isOpen = facts.neededShare > OFFLINE_MIN_SHARE || isOpenAt(passedMs);
  return isOpen ? leastRows(facts) : 0;
}

/** The last part of each cycle: online queries that just missed their objective have the first. */
function isOpenAt(passedMs: number): boolean {
  return passedMs % CYCLE_MS >= CYCLE_MS * (1 - OFFLINE_MIN_SHARE);
}

function leastRows({ windowRows, neededShare }: OfflineFacts): number {
  const share = Math.min(1, Math.max(OFFLINE_MIN_SHARE, neededShare));
  return Math.max(1, Math.ceil(windowRows * share));
}
