import type { MessageInitShape } from "@bufbuild/protobuf";
import { Objective, type SloSchema } from "@infaas/api";

/** What the caller needs of one query. Everything absent is no requirement. */
export interface Requirements {
  /** Milliseconds, measured at the frontend. */
  readonly latencyMs?: number;
  /** Floor in the task's metric, 0..1. */
  readonly minAccuracy?: number;
  /** US dollars per 1,000 queries. */
  readonly maxCostUsd?: number;
  /** Default `min-cost`: the cheapest adequate variant. */
  readonly objective?: "min-cost" | "max-accuracy" | "min-latency";
  /** Refuse rather than serve below the best adequate variant because of load. Default false. */
  readonly noDowngrade?: boolean;
  /** Equal input is answered bit for bit alike, whoever else asks. Default false. */
  readonly deterministic?: boolean;
}

const objectives: Readonly<Record<NonNullable<Requirements["objective"]>, Objective>> = {
  "min-cost": Objective.MIN_COST,
  "max-accuracy": Objective.MAX_ACCURACY,
  "min-latency": Objective.MIN_LATENCY,
};

/** Requirements in their wire form. */
export function sloOf(requirements: Requirements): MessageInitShape<typeof SloSchema> {
  const { latencyMs, minAccuracy, maxCostUsd } = requirements;
  return {
    ...(latencyMs === undefined ? {} : { latencyMs }),
    ...(minAccuracy === undefined ? {} : { minAccuracy }),
    ...(maxCostUsd === undefined ? {} : { maxCostUsd }),
    objective: objectives[requirements.objective ?? "min-cost"],
    noDowngrade: requirements.noDowngrade ?? false,
    deterministic: requirements.deterministic ?? false,
  };
}
