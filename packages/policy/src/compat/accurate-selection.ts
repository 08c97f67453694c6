import { explainDecision } from "../explanation";
import type { Policy } from "../policy";
import type { Query } from "../query";
import { selectVariant } from "../selection";

/** Production's selection with every query asking for accuracy, whatever its own objective: the most accurate variant that is in time. */
export const accurateSelection: Pick<Policy, "select" | "explain"> = {
  select: (snapshot, query, nowMs) => selectVariant(snapshot, mostAccurate(query), nowMs),
  explain: (snapshot, query, nowMs) => explainDecision(snapshot, mostAccurate(query), nowMs),
};

function mostAccurate(query: Query): Query {
  return { ...query, slo: { ...query.slo, objective: "max-accuracy" } };
}
