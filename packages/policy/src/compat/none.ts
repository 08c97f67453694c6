import { explainDecision } from "../explanation";
import type { Policy } from "../policy";
import { selectVariant } from "../selection";
import { type FixedFleet, fixedPlanDue, planFixed } from "./fixed-plan";

/** Production's selection on the hosts that are kept at least, with what was placed when variants were registered: nothing is scaled. */
export const none: Policy = {
  name: "none",
  select: selectVariant,
  explain: explainDecision,
  planDue: fixedPlanDue,
  *planScaling(facts, before, o) {
    yield;
    return planFixed(facts, before, o, FLEET);
  },
};

const FLEET: FixedFleet = { hosts: "those that are kept at least", variantsOf: () => [], because: "" };
