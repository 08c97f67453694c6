import type { MessageInitShape } from "@bufbuild/protobuf";
import { Objective, type Offer, type SloSchema } from "@infaas/api/messages";

/** What the caller needs; null = not asked for. */
export interface Needs {
  /** Floor in the task's metric, 0 to 1. */
  readonly accuracy: number | null;
  readonly latencyMs: number | null;
  /** US dollars per 1,000 queries. */
  readonly costUsd: number | null;
  readonly objective: Objective;
}

/** Nothing is asked for: the cheapest variant answers. */
export const noNeeds: Needs = {
  accuracy: null,
  latencyMs: null,
  costUsd: null,
  objective: Objective.MIN_COST,
};

/** Needs as the frontend takes them. */
export function sloOf(needs: Needs): MessageInitShape<typeof SloSchema> {
  const { accuracy, latencyMs, costUsd, objective } = needs;
  return {
    objective,
    ...(accuracy === null ? {} : { minAccuracy: accuracy }),
    ...(latencyMs === null ? {} : { latencyMs }),
    ...(costUsd === null ? {} : { maxCostUsd: costUsd }),
  };
}

/** Latency that is asked for over what an offer predicts: predictions move from one query to the next. */
const LATENCY_MARGIN = 1.5;

/** The needs with the one that an offer relaxes set to what it has. */
export function relaxed(needs: Needs, offer: Offer): Needs {
  if (offer.relax === "accuracy") return { ...needs, accuracy: offer.accuracy ?? null };
  if (offer.relax === "latency") return { ...needs, latencyMs: offer.latencyMs * LATENCY_MARGIN };
  if (offer.relax === "cost") return { ...needs, costUsd: offer.costUsd };
  return needs;
}

/** A slider's whole positions, 0 to `STEPS`, for a quantity over orders of magnitude. */
export const STEPS = 200;

export function positionOf(value: number, least: number, most: number): number {
  const share = Math.log(value / least) / Math.log(most / least);
  return Math.round(Math.min(1, Math.max(0, share)) * STEPS);
}

export function valueAt(position: number, least: number, most: number): number {
  return least * (most / least) ** (position / STEPS);
}
