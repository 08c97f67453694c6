/** What limits how long a query may take. */
export interface Budget {
  /** Time left from now; null when nothing limits it. Zero or less: it is too late already. */
  readonly remainingMs: number | null;
  readonly boundBy: "deadline" | "slo" | "timeout" | null;
}

/** Where the limits of a query come from; null where none was given. */
export interface BudgetInput {
  /** What is left of the gRPC deadline. */
  readonly deadlineMs: number | null;
  /** Latency objective, counted from arrival. */
  readonly sloLatencyMs: number | null;
  /** Queue timeout of the Open Inference Protocol. */
  readonly timeoutMs: number | null;
  /** Time since arrival. */
  readonly spentMs: number;
}

/** Returns the shortest of all limits. Of equal ones the deadline is named first: it cannot be argued with. */
export function budgetOf({ deadlineMs, sloLatencyMs, timeoutMs, spentMs }: BudgetInput): Budget {
  let budget: Budget = { remainingMs: null, boundBy: null };
  const limits = [
    ["deadline", deadlineMs],
    ["slo", sloLatencyMs === null ? null : sloLatencyMs - spentMs],
    ["timeout", timeoutMs === null ? null : timeoutMs - spentMs],
  ] as const;
  for (const [boundBy, limitMs] of limits) {
    if (limitMs !== null && (budget.remainingMs === null || limitMs < budget.remainingMs)) {
      budget = { remainingMs: limitMs, boundBy };
    }
  }
  return budget;
}

/** Lanes of an executor's queue; 0 goes first. */
export const LANE_COUNT = 3;
const DEFAULT_LANE = 1;

/** Returns the lane of a protocol priority: 0 is the default (the middle lane), 1 the highest, larger is lower. */
export function laneOf(priority: number): number {
  if (priority === 0) return DEFAULT_LANE;
  return Math.min(LANE_COUNT - 1, Math.max(0, priority - 1));
}

/** How many queries may wait for loads. */
export interface ColdWaitBounds {
  readonly perVariant: number;
  readonly total: number;
}

/** Defaults of `ColdWaitBounds`: what one instance answers in about a second, and eight such queues. */
export const COLD_WAIT_BOUNDS: ColdWaitBounds = { perVariant: 256, total: 2048 };

/** Who waits now, and how long this one would. */
export interface ColdWaitInput {
  readonly waitingForVariant: number;
  readonly waitingTotal: number;
  /** Time until the instance is expected to be ready. */
  readonly expectedWaitMs: number;
  /** Predicted time from ready to answered. */
  readonly serviceMs: number;
  /** Null: bounded by `unstatedMaxMs`. */
  readonly remainingMs: number | null;
  /** Longest wait of a query without limit. */
  readonly unstatedMaxMs: number;
}

/** Whether a query waits for a load, and until when at most. */
export type ColdWait =
  | { readonly kind: "wait"; readonly waitMaxMs: number }
  | { readonly kind: "refuse"; readonly reason: "queue-full" | "too-late"; readonly retryAfterMs: number };

/** Decides whether one more query may wait for a load: in a bounded queue, no longer than its limit allows. */
export function admitColdWait(input: ColdWaitInput, bounds: ColdWaitBounds = COLD_WAIT_BOUNDS): ColdWait {
  const { expectedWaitMs: retryAfterMs, serviceMs, remainingMs, unstatedMaxMs } = input;
  if (input.waitingForVariant >= bounds.perVariant || input.waitingTotal >= bounds.total) {
    return { kind: "refuse", reason: "queue-full", retryAfterMs };
  }
  const waitMaxMs = remainingMs === null ? unstatedMaxMs : remainingMs - serviceMs;
  return retryAfterMs > waitMaxMs
    ? { kind: "refuse", reason: "too-late", retryAfterMs }
    : { kind: "wait", waitMaxMs };
}
