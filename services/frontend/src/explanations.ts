import { create } from "@bufbuild/protobuf";
import { type Explanation, ExplanationSchema, Verdict } from "@infaas/api";
import type { Explanation as PolicyExplanation, Verdict as PolicyVerdict } from "@infaas/policy";

const VERDICTS: Readonly<Record<PolicyVerdict, Verdict>> = {
  selected: Verdict.SELECTED,
  "accuracy-below-floor": Verdict.ACCURACY_BELOW_FLOOR,
  "latency-above-slo": Verdict.LATENCY_ABOVE_SLO,
  "cost-above-max": Verdict.COST_ABOVE_MAX,
  "batch-too-large": Verdict.BATCH_TOO_LARGE,
  overloaded: Verdict.OVERLOADED,
  interfered: Verdict.INTERFERED,
  "not-loaded": Verdict.NOT_LOADED,
  dearer: Verdict.DEARER,
  "less-accurate": Verdict.LESS_ACCURATE,
  "no-room": Verdict.NO_ROOM,
  "no-executor": Verdict.NO_EXECUTOR,
  outranked: Verdict.OUTRANKED,
};

/** The policy's explanation as the wire has it. */
export function explanationToWire(e: PolicyExplanation): Explanation {
  return create(ExplanationSchema, {
    summary: e.summary,
    candidates: e.candidates.map((c) => ({ ...c, verdict: VERDICTS[c.verdict] })),
    omitted: e.omitted,
    ...(e.marginMs === null ? {} : { marginMs: e.marginMs }),
  });
}
