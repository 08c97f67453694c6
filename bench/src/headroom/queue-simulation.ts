import type { Random } from "@infaas/runtime";

/** A queue in front of equal servers, first come first served, without batches. Times are in mean service times. */
export interface Queue {
  readonly servers: number;
  /** Share of the servers' time that arrivals take, above 0 and below 1. */
  readonly utilisation: number;
  /** Times between arrivals with mean 1; scaled to the utilisation. */
  readonly gaps: Float64Array;
}

/** The first arrivals find an empty queue, as none later does. */
const WARM_UP_SHARE = 0.05;

/**
 * Returns the share of arrivals that wait longer than each of `thresholds` (ascending) where every service takes the time 1
 * (G/D/c): services end in the order in which they began, so the n-th waits for the (n − c)-th.
 */
export function lateShares({ servers, utilisation, gaps }: Queue, thresholds: readonly number[]): number[] {
  const endsAt = new Float64Array(servers);
  const scale = 1 / (utilisation * servers);
  return countLate(
    gaps,
    thresholds,
    (nth, atMs) => {
      const slot = nth % servers;
      const startsAt = Math.max(atMs, endsAt[slot] as number);
      endsAt[slot] = startsAt + 1;
      return startsAt - atMs;
    },
    scale,
  );
}

/** Returns the same for services of any length with mean 1 (G/G/c): whoever waits takes the server that is free first. */
export function lateSharesOf(
  { servers, utilisation, gaps }: Queue,
  services: Float64Array,
  thresholds: readonly number[],
): number[] {
  const freeAt = new Float64Array(servers);
  const scale = 1 / (utilisation * servers);
  return countLate(
    gaps,
    thresholds,
    (nth, atMs) => {
      let first = 0;
      for (let s = 1; s < servers; s++) if ((freeAt[s] as number) < (freeAt[first] as number)) first = s;
      const startsAt = Math.max(atMs, freeAt[first] as number);
      freeAt[first] = startsAt + (services[nth] as number);
      return startsAt - atMs;
    },
    scale,
  );
}

function countLate(
  gaps: Float64Array,
  thresholds: readonly number[],
  waitOf: (nth: number, at: number) => number,
  scale: number,
): number[] {
  const late = thresholds.map(() => 0);
  const warmUp = Math.floor(gaps.length * WARM_UP_SHARE);
  let at = 0;
  for (let nth = 0; nth < gaps.length; nth++) {
    at += (gaps[nth] as number) * scale;
    const wait = waitOf(nth, at);
    if (nth < warmUp || wait <= 0) continue;
    for (let t = 0; t < thresholds.length && wait > (thresholds[t] as number) + ROUNDING; t++)
      late[t] = (late[t] as number) + 1;
  }
  return late.map((count) => count / (gaps.length - warmUp));
}

/** Sums of many gaps are off by so much. */
const ROUNDING = 1e-6;

/** Returns times between arrivals with mean 1: Gamma with this coefficient of variation, so exponential for 1. */
export function drawGaps(count: number, variation: number, random: Random): Float64Array {
  const shape = 1 / variation ** 2;
  return Float64Array.from({ length: count }, () => gamma(shape, random) / shape);
}

/** A draw of the Gamma distribution of scale 1 (Marsaglia and Tsang, 2000). */
function gamma(shape: number, random: Random): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.next()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - random.next()) < x ** 2 / 2 + d * (1 - v + Math.log(v))) return d * v;
  }
}

/** A draw of the standard normal distribution (Box and Muller). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}
