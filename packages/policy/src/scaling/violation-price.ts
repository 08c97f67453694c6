import type { ClassDemand } from "./capacity";

/** What operators say of SLO attainment. */
export interface AttainmentOptions {
  /** Share of queries that should be answered in time, 0..1. */
  readonly attainmentTarget: number;
}

/** What a violation costs, in multiples of what answering the query costs in host time. */
export const VIOLATION_FACTOR_LEAST = 10;
export const VIOLATION_FACTOR_MOST = 200;
/** Change of the price within a second in which the target is missed. */
const RISE_PER_SECOND = 1.2;
/** Change within a second in which it is met: ten minutes undo the highest price. */
const FALL_PER_SECOND = 0.995;

/**
 * Returns the price of a violation after a round (dual ascent): higher while queries miss the target, lower, slowly, while
 * they meet it.
 */
export function nextViolationFactor(
  factor: number,
  demand: readonly ClassDemand[],
  { attainmentTarget }: AttainmentOptions,
  elapsedSeconds: number,
): number {
  const told = demand.flatMap(({ figures, arrivals, rate }) => {
    const attainment = figures?.attainment ?? null;
    return attainment === null || arrivals === 0 ? [] : [{ attainment, weight: rate.perSecond }];
  });
  const all = told.reduce((sum, { weight }) => sum + weight, 0);
  if (all <= 0) return factor;
  const attained = told.reduce((sum, { attainment, weight }) => sum + attainment * weight, 0) / all;
  const change = attained < attainmentTarget ? RISE_PER_SECOND : FALL_PER_SECOND;
  const next = factor * change ** Math.max(0, elapsedSeconds);
  return Math.min(VIOLATION_FACTOR_MOST, Math.max(VIOLATION_FACTOR_LEAST, next));
}
