import type { Decision } from "./decision";
import { type Explanation, explainDecision } from "./explanation";
import type { Query } from "./query";
import { type PlanBasis, planDue, type RoundFacts } from "./scaling/plan-due";
import { type ScalingOptions, type ScalingPlan, scalingOf } from "./scaling/plan-scaling";
import type { ScalingFacts } from "./scaling/scaling-facts";
import type { ScalingMemory } from "./scaling/scaling-memory";
import { selectVariant } from "./selection";
import type { Snapshot } from "./snapshot";

/** What decides where a query goes, and what runs where on how many hosts. Pure: time is an argument. */
export interface Policy {
  /** As the option `--policy` names it. */
  readonly name: string;
  /** Where a query goes; as `selectVariant`. */
  select(snapshot: Snapshot, query: Query, nowMs: number): Decision;
  /** The same with every candidate considered; as `explainDecision`. */
  explain(snapshot: Snapshot, query: Query, nowMs: number): Explanation;
  /** Why a new plan is due, as a sentence; null: it is not. Asked four times a second. */
  planDue(before: PlanBasis | null, round: RoundFacts): string | null;
  /** What should run where, on how many hosts, and which steps towards it are due, in slices; as `scalingOf`. */
  planScaling(
    facts: ScalingFacts,
    before: ScalingMemory,
    o: ScalingOptions,
  ): Generator<undefined, ScalingPlan>;
}

/** Production's: predicted drains, and plans for the fewest dollars (docs/design/policy.md, sections 3 and 5 to 7). */
export const infaas: Policy = {
  name: "infaas",
  select: selectVariant,
  explain: explainDecision,
  planDue,
  planScaling: scalingOf,
};
