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

/** Rows of jobs that may be under way, and since when. */
export interface OfflineShare {
  /** At least 1. */
  readonly rows: number;
  /** When it was decided. */
  readonly atMs: number;
  /** Since when online queries have what they ask for. */
  readonly calmSinceMs: number;
}

/** Share of the window that jobs have whatever online queries need, so that none starves. */
export const OFFLINE_MIN_SHARE = 0.05;
/** Share of online queries that may miss their objective before jobs make room: the attainment that hosts are planned for. */
const MISSED_SHARE = 0.01;
/** How long online queries must have had what they ask for before jobs get more than their minimum again. */
const HOLD_MS = 2_000;
/** Time in which jobs grow from nothing to the whole window. */
const GROWTH_MS = 2_000;

/** The share of a system that has run no job yet. */
export const FIRST_OFFLINE_SHARE: OfflineShare = {
  rows: 1,
  atMs: Number.NEGATIVE_INFINITY,
  calmSinceMs: Number.NEGATIVE_INFINITY,
};

/**
 * Returns how many rows of jobs may be under way from now on. The minimum at once when more than one in a hundred online
 * queries missed their objective, and for two seconds after; else as many more as time has passed, up to what online queries leave of the window. The
 * minimum is a twentieth of the window, or what deadlines need, and at least one row.
 */
export function offlineShare(before: OfflineShare, facts: OfflineFacts, nowMs: number): OfflineShare {
  const { windowRows, onlineRows, ended, missed, neededShare } = facts;
  const calmSinceMs = missed > ended * MISSED_SHARE ? nowMs : before.calmSinceMs;
  const least = leastRows(windowRows, neededShare);
  if (nowMs - calmSinceMs < HOLD_MS) return { rows: least, atMs: nowMs, calmSinceMs };
  const passedMs = Math.min(GROWTH_MS, Math.max(0, nowMs - before.atMs));
  const grown = before.rows + Math.ceil((windowRows * passedMs) / GROWTH_MS);
  const room = Math.floor(windowRows - onlineRows);
  return { rows: Math.max(least, Math.min(grown, room)), atMs: nowMs, calmSinceMs };
}

function leastRows(windowRows: number, neededShare: number): number {
  const share = Math.min(1, Math.max(OFFLINE_MIN_SHARE, neededShare));
  return Math.max(1, Math.ceil(windowRows * share));
}
