import type { Random } from "@infaas/runtime";
import { drawGaps, lateShares } from "./queue-simulation";

/** What the table is made for. */
export interface HeadroomAxes {
  /** Shares of arrivals that may be late, descending. */
  readonly lateShares: readonly number[];
  /** Coefficients of variation of the times between arrivals. */
  readonly gapVariations: readonly number[];
  readonly servers: readonly number[];
  /** Latency objectives in service times, ascending from 1. */
  readonly objectives: readonly number[];
}

/** Largest utilisation by late share, gap variation, servers and objective. */
export type HeadroomCells = readonly (readonly (readonly (readonly number[])[])[])[];

const STEP = 0.01;

/**
 * Returns the largest utilisation, in steps of 0.01, at which no more than the share is answered later than its objective.
 * The same gaps are used for every number of servers and every utilisation, so that the table is monotonic where the
 * truth is.
 */
export function makeHeadroom(axes: HeadroomAxes, arrivals: number, random: Random): HeadroomCells {
  const gaps = axes.gapVariations.map((variation) => drawGaps(arrivals, variation, random));
  const byPool = gaps.map((of) => axes.servers.map((servers) => utilisations(axes, of, servers)));
  return axes.lateShares.map((_, share) => byPool.map((pools) => pools.map((cells) => cells[share] ?? [])));
}

/** By late share, then objective. */
function utilisations(axes: HeadroomAxes, gaps: Float64Array, servers: number): number[][] {
  const cells = axes.lateShares.map(() => axes.objectives.map(() => 0));
  const thresholds = axes.objectives.map((objective) => objective - 1);
  for (let step = 1; step < 1 / STEP; step++) {
    const utilisation = step * STEP;
    const late = lateShares({ servers, utilisation, gaps }, thresholds);
    let isWithinAny = false;
    axes.lateShares.forEach((allowed, share) => {
      const row = cells[share] as number[];
      late.forEach((of, objective) => {
        // What was too much at less is too much, whatever chance says here.
        const isWithin = of <= allowed && (row[objective] as number) >= utilisation - 1.5 * STEP;
        if (isWithin) row[objective] = Number(utilisation.toFixed(2));
        isWithinAny ||= isWithin;
      });
    });
    if (!isWithinAny) break;
  }
  return cells;
}
