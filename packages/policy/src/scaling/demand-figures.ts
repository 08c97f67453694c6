import type { ArrivalEnvelope } from "./arrival-envelope";
import type { RateInterval } from "./rate-interval";

/**
 * Why a query was refused: `full` (RESOURCE_EXHAUSTED), `late` (DEADLINE_EXCEEDED), `infeasible` (its requirements cannot be
 * met), `unavailable` (no executor could be reached), `failed` (anything else).
 */
export const refusalReasons = ["full", "late", "infeasible", "unavailable", "failed"] as const;
export type RefusalReason = (typeof refusalReasons)[number];

/** What became of the queries of a demand class lately, over all frontends. */
export interface DemandFigures {
  /** Length of the window that the counts are of, s; 0: nothing was heard yet. */
  readonly seconds: number;
  /** Queries that came, whatever became of them; one that its caller sends again counts in `retried` alone. */
  readonly offered: number;
  readonly retried: number;
  readonly inTime: number;
  readonly late: number;
  readonly refusedByReason: Readonly<Record<RefusalReason, number>>;
  /** Given up by their callers. */
  readonly givenUp: number;
  /** Of those answered: by less than the best adequate variant because of load. */
  readonly downgraded: number;
  /** Of those answered: after a load that they waited for. */
  readonly cold: number;
  /** Offered queries per second, over the shortest window of 1 to 60 s with 30 arrivals. */
  readonly rate: RateInterval;
  /** The same over the shortest such window of at least `WINDOW_ENOUGH_MS`; null: nobody is known to have asked for so long. */
  readonly steadyRate: RateInterval | null;
  /** Of what ended within the last two periods of export. */
  readonly envelope: ArrivalEnvelope;
  /** Share of those that ended which were answered in time; null: none ended. */
  readonly attainment: number | null;
}
