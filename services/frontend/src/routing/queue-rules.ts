import type { LoadOverride } from "@infaas/api";
import { DEFAULT_PRIORITY, LANE_COUNT, laneOf, OFFLINE_PRIORITY } from "@infaas/policy";
import { shorter } from "../query/requirements";

/** How a query waits in an executor's queue. */
export interface QueueRules {
  /** 0 is served first. */
  readonly lane: number;
  /** Longest wait in ms; null: as long as the budget allows. */
  readonly timeoutMs: number | null;
}

/** What a query asks of the queue. */
export interface QueueWish {
  /** The protocol's: 0 default, 1 highest. */
  readonly priority: number;
  readonly queueTimeoutMs: number | null;
}

/** Returns how a query waits for a variant that was loaded so; priorities that the variant does not have are its default. */
export function queueRules(override: LoadOverride | undefined, wish: QueueWish): QueueRules {
  if (override === undefined) return { lane: laneOf(wish.priority), timeoutMs: wish.queueTimeoutMs };
  return { lane: laneUnder(override, wish.priority), timeoutMs: timeoutUnder(override, wish.queueTimeoutMs) };
}

function laneUnder({ priorityLevels, defaultPriority }: LoadOverride, priority: number): number {
  if (priorityLevels === undefined || priority === OFFLINE_PRIORITY) return laneOf(priority);
  const isLevel = priority >= 1 && priority <= priorityLevels;
  return Math.min(LANE_COUNT, isLevel ? priority : (defaultPriority ?? DEFAULT_PRIORITY)) - 1;
}

function timeoutUnder({ queueTimeoutMs, queueTimeoutOverridable }: LoadOverride, askedMs: number | null) {
  if (queueTimeoutMs === undefined) return askedMs;
  return queueTimeoutOverridable ? shorter(queueTimeoutMs, askedMs) : queueTimeoutMs;
}
