import { type ArrivalEnvelope, envelopeRate } from "./arrival-envelope";
import type { ClassDemand } from "./capacity";

/** Arrivals from which on a rate is known well enough to buy hosts for it, however short its window is. */
export const ARRIVALS_ENOUGH = 30;
/** Window from which on it is however few came, and from which on its upper bound counts: about what a host takes to start. */
export const WINDOW_ENOUGH_MS = 4_000;
/** Windows of arrivals that are planned for: what is shorter passes before any change would help. */
const BURST_WINDOW_LEAST_MS = 1_000;
/** Longest such window in windows of the rate: what came before that is the hold's to remember. */
const BURST_RATE_WINDOWS = 2;

type RatedDemand = Pick<ClassDemand, "arrivals" | "rate" | "figures" | "latencyMs">;

/**
 * Returns the queries per second that a class is sized for: its rate, the upper bound of its steady rate or its largest
 * burst, whichever is most. A wide interval alone buys no host: what is asked beyond the rate has to last for
 * `WINDOW_ENOUGH_MS`, and of a few queries within less than that the lower bound counts.
 */
export function plannedRate(demand: RatedDemand): number {
  const { arrivals, rate, figures, latencyMs } = demand;
  const isLong = windowMsOf(demand) >= WINDOW_ENOUGH_MS;
  const least = isLong || arrivals >= ARRIVALS_ENOUGH ? rate.perSecond : rate.lower;
  const steady = figures?.steadyRate ?? (isLong ? rate : null);
  return Math.max(least, steady?.upper ?? 0, envelopeRate(plannedBursts(demand), latencyMs));
}

/** Returns the windows of the envelope that a class is sized for. */
export function plannedBursts(demand: RatedDemand): ArrivalEnvelope {
  const mostMs = Math.max(BURST_WINDOW_LEAST_MS, windowMsOf(demand)) * BURST_RATE_WINDOWS;
  return (demand.figures?.envelope ?? []).filter(
    ({ windowMs }) => windowMs >= BURST_WINDOW_LEAST_MS && windowMs <= mostMs,
  );
}

/** Returns the rows per second that a class is sized for. */
export function plannedRows(demand: RatedDemand & Pick<ClassDemand, "rowsPerQuery">): number {
  return demand.rowsPerQuery * plannedRate(demand);
}

/** Window that the rate is of. */
function windowMsOf({ arrivals, rate }: RatedDemand): number {
  return rate.perSecond > 0 ? (arrivals * 1_000) / rate.perSecond : Number.POSITIVE_INFINITY;
}
