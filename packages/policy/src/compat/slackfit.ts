import type { Policy } from "../policy";
import { adequateEntries } from "../scaling/capacity";
import { accurateSelection } from "./accurate-selection";
import { type FixedFleet, fixedPlanDue, planFixed } from "./fixed-plan";

/**
 * SlackFit of SuperServe, for comparison: every adequate variant is resident on every host of a fixed fleet, as the subnetworks of
 * one supernetwork are, and a query gets the most accurate one that its slack allows. There the choice is made when a batch is
 * closed; here when a query is sent, from the predicted drain. What the paper leaves open: variants that do not fit beside the others
 * are left to the memory of the host, the most accurate first.
 */
export const slackfit: Policy = {
  name: "slackfit",
  ...accurateSelection,
  planDue: fixedPlanDue,
  *planScaling(facts, before, o) {
    yield;
    let freeBytes = facts.pool.memoryBytes;
    const fitting = new Set<string>();
    const fleet: FixedFleet = {
      hosts: "all that there may be",
      variantsOf: (demand) =>
        adequateEntries(facts.catalog, demand).filter(({ variant: { name, profile } }) => {
          if (fitting.has(name)) return true;
          if (profile.hostType !== facts.pool.hostType || profile.peakMemoryBytes > freeBytes) return false;
          freeBytes -= profile.peakMemoryBytes;
          fitting.add(name);
          return true;
        }),
      because: "every adequate variant is resident on every host",
    };
    return planFixed(facts, before, o, fleet);
  },
};
