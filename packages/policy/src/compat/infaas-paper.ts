import type { Decision } from "../decision";
import { explainDecision } from "../explanation";
import type { Policy } from "../policy";
import type { PlanBasis, RoundFacts } from "../scaling/plan-due";
import { selectVariant } from "../selection";
import type { Snapshot } from "../snapshot";
import { planPaperScaling } from "./paper-scaling";
import { paperView, StateOnlyInstance } from "./paper-view";

/** The paper's autoscalers look once a second. */
const PERIOD_MS = 1_000;

/** Policy of the paper (INFaaS, ATC '21), for comparison: `paperView` says how it selects, `planPaperScaling` how it scales. */
export const infaasPaper: Policy = {
  name: "infaas-paper",
  select: (snapshot, query, nowMs) => measured(selectVariant(viewOf(snapshot), query, nowMs)),
  explain(snapshot, query, nowMs) {
    const explained = explainDecision(viewOf(snapshot), query, nowMs);
    return { ...explained, decision: measured(explained.decision) };
  },
  planDue(before: PlanBasis | null, { nowMs, structure }: RoundFacts) {
    if (before === null) return "there is no plan yet";
    if (structure !== before.structure) return "members, hosts or instances changed";
    return nowMs - before.atMs >= PERIOD_MS ? "a second has passed" : null;
  },
  *planScaling(facts, before, o) {
    yield;
    return planPaperScaling(facts, before, o);
  },
};

const views = new WeakMap<Snapshot, Snapshot>();

function viewOf(snapshot: Snapshot): Snapshot {
  let view = views.get(snapshot);
  if (view === undefined) {
    view = paperView(snapshot);
    views.set(snapshot, view);
  }
  return view;
}

/** The decision with the instance that the snapshot has. */
function measured(decision: Decision): Decision {
  if (decision.kind !== "selected" || !(decision.instance instanceof StateOnlyInstance)) return decision;
  return { ...decision, instance: decision.instance.measured };
}
