import type { Random } from "@infaas/runtime";
import { exponential, gamma } from "./draws";

/** Times of arrivals in ms since the beginning, rising. Each call of what makes one begins anew. */
export type Arrivals = Iterable<number>;

/** A load by name: arrivals for a mean rate, equal for equal random numbers. */
export type Workload = (perSecond: number, seconds: number, random: Random) => Arrivals;

/** Arrivals per second at a time in seconds since the beginning. */
export type RateAt = (seconds: number) => number;

const MS_PER_SECOND = 1_000;

/** A Poisson process of a rate that changes, none above `maxPerSecond`, by thinning (Lewis and Shedler, 1979). */
export function* poisson(rateAt: RateAt, maxPerSecond: number, seconds: number, random: Random): Arrivals {
  for (let at = 0; ; ) {
    at += exponential(random) / maxPerSecond;
    if (at >= seconds) return;
    if (random.next() * maxPerSecond < rateAt(at)) yield at * MS_PER_SECOND;
  }
}

/** A Poisson process of one rate, which ends with its nth arrival. */
export function* poissonCount(perSecond: number, count: number, random: Random): Arrivals {
  for (let at = 0, n = 0; n < count; n++) {
    at += exponential(random) / perSecond;
    yield at * MS_PER_SECOND;
  }
}

/** A renewal process with gaps of the gamma distribution with this coefficient of variation; 1 is Poisson, 4 bursty. */
export function* gammaRenewal(perSecond: number, cv: number, seconds: number, random: Random): Arrivals {
  const shape = 1 / cv ** 2;
  const scale = cv ** 2 / perSecond;
  for (let at = 0; ; ) {
    at += gamma(random, shape) * scale;
    if (at >= seconds) return;
    yield at * MS_PER_SECOND;
  }
}

/** Rates of a process that changes between two of them, and how long it stays at each in the mean. */
export interface MmppOptions {
  readonly perSecond: readonly [calm: number, busy: number];
  readonly meanSeconds: readonly [calm: number, busy: number];
}

/** A Poisson process of two rates that changes from one to the other after exponential times (MMPP of two states). */
export function* mmpp({ perSecond, meanSeconds }: MmppOptions, seconds: number, random: Random): Arrivals {
  let state: 0 | 1 = 0;
  let changesAt = exponential(random) * meanSeconds[state];
  for (let at = 0; ; ) {
    const next = at + exponential(random) / perSecond[state];
    // An exponential gap has no memory: what was drawn beyond the change is drawn anew at the other rate.
    at = Math.min(next, changesAt);
    if (at >= seconds) return;
    if (next < changesAt) yield at * MS_PER_SECOND;
    else {
      state = state === 0 ? 1 : 0;
      changesAt = at + exponential(random) * meanSeconds[state];
    }
  }
}
