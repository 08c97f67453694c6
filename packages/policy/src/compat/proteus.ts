import type { Policy } from "../policy";
import { scalingOf } from "../scaling/plan-scaling";
import { accurateSelection } from "./accurate-selection";
import { readSettings, type Setting } from "./settings";

const SETTINGS = {
  "period-s": {
    default: 30,
    min: 1,
    max: 3_600,
    doc: "Seconds from one plan to the next. The authors solve their program off the path of queries every half minute.",
  },
} as const satisfies Record<string, Setting>;

/** While steps of the plan wait for their turn, it is asked for them so often. */
const STEPS_PERIOD_MS = 1_000;

/**
 * Accuracy scaling as of Proteus, for comparison: a fixed fleet whose variants are planned anew each period for the most accuracy
 * that answers all demand; queries ask for accuracy whatever they asked for. Its program is replaced by production's
 * planner with that objective; loads take their time.
 */
export function proteus(told: readonly string[]): Policy {
  const periodMs = readSettings("proteus", SETTINGS, told)["period-s"] * 1_000;
  return {
    name: "proteus",
    ...accurateSelection,
    planDue(before, { nowMs, structure }) {
      if (before === null) return "there is no plan yet";
      if (structure !== before.structure) return "members, hosts or instances changed";
      const ageMs = nowMs - before.atMs;
      if (!before.plan.isSettled && ageMs >= STEPS_PERIOD_MS) return "steps of the plan wait for their turn";
      return ageMs >= periodMs ? `${periodMs / 1_000} s have passed` : null;
    },
    planScaling({ pool, demand, ...facts }, before, o) {
      const fleet = { ...pool, minHosts: pool.maxHosts };
      const accurate = demand.map((one) => ({ ...one, objective: "max-accuracy" as const }));
      return scalingOf({ ...facts, pool: fleet, demand: accurate }, before, o);
    },
  };
}
