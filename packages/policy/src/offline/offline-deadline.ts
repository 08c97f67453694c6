import { OFFLINE_MIN_SHARE } from "./offline-share";

/** What a deadline is planned by. */
export interface DeadlineFacts {
  /** Rows that are not answered yet. */
  readonly rows: number;
  /** Rows per second of all instances that may answer them, at saturation throughput; 0: none is ready. */
  readonly rowsPerSecond: number;
  /** Share of that which online queries take now, 0 to 1. */
  readonly onlineShare: number;
  /** Share that deadlines of other jobs need. */
  readonly promisedShare: number;
  /** Milliseconds since 1970, as the deadline. */
  readonly nowMs: number;
}

/** Whether a deadline can be met: the share that it needs, or the time that could be; null: nothing is known of it. */
export type DeadlinePlan =
  | { readonly kind: "fits"; readonly neededShare: number }
  | { readonly kind: "late"; readonly earliestMs: number | null };

/** Share of what is left that is promised: batches at a part's end are not full, and what online queries take changes. */
const PROMISED_MAX = 0.8;

/** Plans a deadline by what online queries and earlier promises leave. */
export function planDeadline(facts: DeadlineFacts, deadlineMs: number): DeadlinePlan {
  const { rowsPerSecond, nowMs } = facts;
  if (rowsPerSecond <= 0) return { kind: "late", earliestMs: null };
  const share = leftShare(facts);
  const earliestMs = nowMs + (facts.rows / (rowsPerSecond * share)) * 1000;
  if (earliestMs > deadlineMs) return { kind: "late", earliestMs: Math.ceil(earliestMs) };
  return { kind: "fits", neededShare: neededShare(facts, deadlineMs) };
}

/** Share of all instances that so many rows need to be answered by a deadline, 0 to 1; none for one that has passed. */
export function neededShare(
  { rows, rowsPerSecond, nowMs }: Pick<DeadlineFacts, "rows" | "rowsPerSecond" | "nowMs">,
  deadlineMs: number,
): number {
  const seconds = (deadlineMs - nowMs) / 1000;
  if (seconds <= 0) return 0;
  if (rowsPerSecond <= 0) return 1;
  return Math.min(1, rows / seconds / rowsPerSecond / PROMISED_MAX);
}

function leftShare({ onlineShare, promisedShare }: DeadlineFacts): number {
  return Math.max(OFFLINE_MIN_SHARE, PROMISED_MAX * (1 - onlineShare) - promisedShare);
}
