import { findTarget, levelFor, restrictTarget, type TargetIndex, type VariantEntry } from "../catalog";
import { explainDecision } from "../explanation";
import type { Policy } from "../policy";
import type { Query } from "../query";
import { adequateEntries } from "../scaling/capacity";
import { selectVariant } from "../selection";
import type { Snapshot } from "../snapshot";
import { type FixedFleet, fixedPlanDue, planFixed } from "./fixed-plan";

/** What a variant is worth to whoever chooses one for good; of equals the first by accuracy, then by name. */
export type Merit = (entry: VariantEntry) => number;

/**
 * The one adequate variant of most merit for every query of a class, on every host that the pool may have, whatever is asked: what
 * is sized for the peak by hand. Queries that it cannot answer in time are refused; among its instances the soonest answers.
 */
export function fixedVariantPolicy(name: string, merit: Merit): Policy {
  const asked = (snapshot: Snapshot, query: Query): Query => {
    const index = query.among ?? findTarget(snapshot.catalog, query.target);
    return index === undefined ? query : { ...query, among: fixedOf(index, query, merit) };
  };
  return {
    name,
    select: (snapshot, query, nowMs) => selectVariant(snapshot, asked(snapshot, query), nowMs),
    explain: (snapshot, query, nowMs) => explainDecision(snapshot, asked(snapshot, query), nowMs),
    planDue: fixedPlanDue,
    *planScaling(facts, before, o) {
      yield;
      const fleet: FixedFleet = {
        hosts: "all that there may be",
        variantsOf: (demand) => mostOf(adequateEntries(facts.catalog, demand), merit),
        because: "it is the one variant of its class, on every host",
      };
      return planFixed(facts, before, o, fleet);
    },
  };
}

function fixedOf(index: TargetIndex, { slo }: Query, merit: Merit): TargetIndex {
  const adequate = index.entries.slice(0, index.levelEnds[levelFor(index, slo.minAccuracy)] ?? 0);
  return restrictTarget(index, mostOf(adequate, merit));
}

/** The one of most merit; none of none. */
function mostOf(entries: readonly VariantEntry[], merit: Merit): readonly VariantEntry[] {
  const [first, ...rest] = entries;
  if (first === undefined) return [];
  return [rest.reduce((best, entry) => (merit(entry) > merit(best) ? entry : best), first)];
}
