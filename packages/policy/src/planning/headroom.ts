import { HEADROOM_CELLS } from "./headroom-cells";

/** What `HEADROOM_CELLS` is made for; each axis in the order of its cells. */
export const HEADROOM_AXES = {
  /** Shares of queries that may be late. */
  lateShares: [0.1, 0.01, 0.001],
  /** Coefficients of variation of the times between arrivals; 1: independent callers. */
  gapVariations: [0.25, 0.5, 1, 2, 4],
  servers: [1, 2, 4, 8, 16, 32, 64],
  /** Latency objectives in service times. */
  objectives: [1, 1.5, 2, 3, 4, 6, 10, 20, 50],
} as const;

/** A pool of equal servers behind one queue, and what is asked of it. */
export interface PoolLoad {
  readonly servers: number;
  /** Latency objective in service times, at least 1. */
  readonly objectivePerService: number;
  /** Coefficient of variation of the times between arrivals. */
  readonly gapVariation: number;
}

/**
 * Returns the largest utilisation, 0..1, at which one of `HEADROOM_AXES.lateShares`, by index, is late: linear between the
 * cells of a simulated G/D/c queue, over the logarithm of servers and objective; beyond the table its edge.
 */
export function headroom({ servers, ...queue }: PoolLoad, lateShare: number): number {
  return headroomBy(queue)(servers, lateShare);
}

/** Returns `headroom` by servers and late share, for whoever asks for many of one queue. */
export function headroomBy({
  objectivePerService,
  gapVariation,
}: Omit<PoolLoad, "servers">): (servers: number, lateShare: number) => number {
  const variation = placeOf(HEADROOM_AXES.gapVariations, gapVariation);
  const objective = placeOf(OBJECTIVE_LOGS, Math.log(objectivePerService));
  return (servers, lateShare) => {
    const ofVariations = HEADROOM_CELLS[lateShare] ?? [];
    const pool = placeOf(SERVER_LOGS, Math.log(servers));
    const row = (v: number, s: number) => {
      const cells = ofVariations[v]?.[s] ?? [];
      return mix(cells[objective.below] ?? 0, cells[objective.above] ?? 0, objective.share);
    };
    const plane = (v: number) => mix(row(v, pool.below), row(v, pool.above), pool.share);
    return mix(plane(variation.below), plane(variation.above), variation.share);
  };
}

/** The two cells that a value lies between. */
interface Place {
  readonly below: number;
  readonly above: number;
  /** How far it is from the one below, 0..1. */
  readonly share: number;
}

const OBJECTIVE_LOGS = HEADROOM_AXES.objectives.map(Math.log);
const SERVER_LOGS = HEADROOM_AXES.servers.map(Math.log);

function placeOf(axis: readonly number[], value: number): Place {
  const last = axis.length - 1;
  let above = 0;
  while (above <= last && axis[above]! < value) above++;
  if (above === 0) return { below: 0, above: 0, share: 0 };
  if (above > last) return { below: last, above: last, share: 0 };
  const from = axis[above - 1]!;
  return { below: above - 1, above, share: (value - from) / (axis[above]! - from) };
}

function mix(a: number, b: number, share: number): number {
  return a + (b - a) * share;
}
