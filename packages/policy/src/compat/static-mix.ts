import { explainDecision } from "../explanation";
import type { Policy } from "../policy";
import type { ClassDemand } from "../scaling/capacity";
import { scalingOf } from "../scaling/plan-scaling";
import { selectVariant } from "../selection";
import { fixedPlanDue } from "./fixed-plan";
import { readNumbers } from "./settings";

/** How long a told rate is taken to have been seen: longer than any window that is doubted. */
const TOLD_SECONDS = 3_600;
/** While steps of the plan wait for their turn, it is asked for them so often. */
const STEPS_PERIOD_MS = 1_000;

/**
 * One plan, production's, for the mix and the peak that it is told (`TARGET=QUERIES_PER_SECOND`), which stands whatever is asked:
 * what somebody would buy who knows what comes. Classes of one target share its peak equally; one that it is not told of is
 * planned for as production would. Nothing is removed.
 */
export function staticMix(told: readonly string[]): Policy {
  const peaks = new Map(readNumbers(told));
  return {
    name: "static-mix",
    select: selectVariant,
    explain: explainDecision,
    planDue(before, round) {
      const isWaiting = before?.plan.isSettled === false && round.nowMs - before.atMs >= STEPS_PERIOD_MS;
      return fixedPlanDue(before, round) ?? (isWaiting ? "steps of the plan wait for their turn" : null);
    },
    planScaling: (facts, before, o) =>
      scalingOf({ ...facts, demand: atPeak(facts.demand, peaks), demandKnown: false }, before, o),
  };
}

function atPeak(demand: readonly ClassDemand[], peaks: ReadonlyMap<string, number>): readonly ClassDemand[] {
  return demand.map((one) => {
    const peak = peaks.get(one.target.name);
    if (peak === undefined) return one;
    const perSecond = peak / demand.filter(({ target }) => target.name === one.target.name).length;
    const { figures: _, ...rest } = one;
    const rate = { perSecond, lower: perSecond, upper: perSecond };
    return { ...rest, arrivals: Math.ceil(perSecond * TOLD_SECONDS), rate };
  });
}
