import { figure } from "./host-load";
import type { ScalingPlan } from "./plan-scaling";

/** What a round knows without planning. */
export interface RoundFacts {
  readonly nowMs: number;
  /** Equal numbers: members, hosts, instances and the catalog are as they were. */
  readonly structure: number;
  /** Whether somebody needs a load that no executor is to hold yet; absent: nobody does. */
  readonly isWished?: boolean;
  /** Rows per second that each class needs, by `classKey`. */
  readonly needs: ReadonlyMap<string, number>;
  /** Whether queries wait longer than their class allows; asked only where it matters. */
  readonly isOverdue: () => boolean;
}

/** A plan with what it was made of. */
export interface PlanBasis {
  readonly plan: ScalingPlan;
  readonly atMs: number;
  readonly structure: number;
}

/** A plan is made anew after so long without a cause: prices of violations and expired peaks are none. */
const PERIOD_MS = 10_000;
/** While steps of a plan wait for their turn, it is asked for them so often. */
const STEPS_PERIOD_MS = 1_000;

/**
 * Returns why a new plan is due, as a sentence; null: nothing has changed that matters. O(classes), and no more than a
 * comparison for each.
 */
export function planDue(
  before: PlanBasis | null,
  { nowMs, structure, needs, isOverdue, isWished }: RoundFacts,
): string | null {
  if (before === null) return "there is no plan yet";
  if (structure !== before.structure) return "members, hosts or instances changed";
  if (isWished === true && before.plan.wantedHosts === 0) return "a load is waited for, and there is no host";
  const { plannedRows, memory, isSettled } = before.plan;
  for (const [key, rowsPerSecond] of needs) {
    const planned = plannedRows.get(key) ?? 0;
    if (rowsPerSecond > planned)
      return `${figure(rowsPerSecond)} rows/s are asked, ${figure(planned)} are planned, of ${key}`;
  }
  const ageMs = nowMs - before.atMs;
  if (ageMs >= STEPS_PERIOD_MS && !isSettled) return "steps of the plan wait for their turn";
  if (ageMs >= STEPS_PERIOD_MS && isOverdue()) return "queries wait longer than their objective allows";
  return ageMs >= Math.min(PERIOD_MS, memory.holdMs) ? "the plan is old" : null;
}
