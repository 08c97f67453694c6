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
  readonly objective?: "min-cost" | "max-accuracy";
  /** Refuse rather than serve below the best adequate variant because of load. Default false. */
  readonly noDowngrade?: boolean;
}

/** Requirements in their wire form. */
export function sloOf(requirements: Requirements): MessageInitShape<typeof SloSchema> {
  const { latencyMs, minAccuracy, maxCostUsd } = requirements;
  return {
    ...(latencyMs === undefined ? {} : { latencyMs }),
    ...(minAccuracy === undefined ? {} : { minAccuracy }),
    ...(maxCostUsd === undefined ? {} : { maxCostUsd }),
    objective: requirements.objective === "max-accuracy" ? Objective.MAX_ACCURACY : Objective.MIN_COST,
    noDowngrade: requirements.noDowngrade ?? false,
  };
}
