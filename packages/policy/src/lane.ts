/** Lanes of an executor's queue; 0 goes first. */
export const LANE_COUNT = 3;
const DEFAULT_LANE = 1;
/** Priority of a request without one, where nobody says otherwise. */
export const DEFAULT_PRIORITY = 2;
/** Priority of the rows of jobs: the lowest lane, whatever levels a variant has; no request can say it. */
export const OFFLINE_PRIORITY = Number.POSITIVE_INFINITY;

/**
 * Returns the lane of a protocol priority: 0 is the default (the middle lane), 1 the highest, larger is
 * lower.
 */
export function laneOf(priority: number): number {
  if (priority === 0) return DEFAULT_LANE;
  return Math.min(LANE_COUNT - 1, Math.max(0, priority - 1));
}
