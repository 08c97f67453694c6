import type { Random } from "@infaas/runtime";
import { type Arrivals, gammaRenewal, mmpp, poisson, type RateAt, type Workload } from "./arrivals";
import { twitterLike } from "./twitter-like";

/** Waves and spikes, in shares of the mean rate and of the time. */
const SHAPE = {
  ramp: [0.5, 1.5],
  steady: [0.965, 1.035],
  fluctuating: [0.095, 1.905],
  fluctuations: 4,
  square: [0.4, 1.6],
  squares: 5,
  /** A jump to ten times the base that holds a twentieth of the time, twice. */
  spikeOf: 10,
  spikeShare: 0.05,
  spikes: 2,
  bursty: { calmToBusy: 5, stays: 0.1 },
  gammaCv: 4,
} as const;

/** Loads by name; each has the mean rate that it is asked for. */
export const workloads = {
  flat: rates(() => 1, 1),
  ramp: rates((share) => between(SHAPE.ramp, share), SHAPE.ramp[1]),
  /** 650 rising to 700 of the paper, at any mean. */
  steady: rates((share) => between(SHAPE.steady, share), SHAPE.steady[1]),
  /** 4 to 80 of the paper, as a sine. */
  fluctuating: rates(
    (share) => between(SHAPE.fluctuating, (1 - Math.cos(2 * Math.PI * SHAPE.fluctuations * share)) / 2),
    SHAPE.fluctuating[1],
  ),
  square: rates((share) => SHAPE.square[Math.floor(share * 2 * SHAPE.squares) % 2] ?? 1, SHAPE.square[1]),
  spikes: rates((share) => spikeBase() * (isSpike(share) ? SHAPE.spikeOf : 1), spikeBase() * SHAPE.spikeOf),
  bursty: (perSecond, seconds, random) => {
    const { calmToBusy, stays } = SHAPE.bursty;
    const calm = (2 * perSecond) / (1 + calmToBusy);
    const stay = stays * seconds;
    return mmpp({ perSecond: [calm, calm * calmToBusy], meanSeconds: [stay, stay] }, seconds, random);
  },
  twitter: twitterLike("full"),
  "twitter-no-bursts": twitterLike("no-bursts"),
  "twitter-random-minutes": twitterLike("random-minutes"),
  gamma: (perSecond, seconds, random) => gammaRenewal(perSecond, SHAPE.gammaCv, seconds, random),
} as const satisfies Record<string, Workload>;

export type WorkloadName = keyof typeof workloads;

/** Shares of so many things by the law of Zipf: the nth gets 1/n^s of the first. */
export function zipfShares(count: number, s = 1): readonly number[] {
  const weights = Array.from({ length: count }, (_, i) => (i + 1) ** -s);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** A Poisson process by counts of a CSV of one line a second (`count`, or `second,count`), uniform within the second; others are refused. */
export function* replayed(csv: string, random: Random): Arrivals {
  let second = -1;
  for (const [index, line] of csv.split(/\r?\n/).entries()) {
    if (line.trim() === "" || (index === 0 && /[a-z]/i.test(line))) continue;
    second++;
    const count = Number(line.split(",").at(-1));
    if (!Number.isInteger(count) || count < 0)
      throw new RangeError(`line ${index + 1} of the trace is '${line}'; allowed: a count of 0 or more`);
    const within = Array.from({ length: count }, () => random.next()).sort((a, b) => a - b);
    for (const part of within) yield (second + part) * 1_000;
  }
}

function rates(shareAt: (share: number) => number, most: number): Workload {
  return (perSecond, seconds, random) => {
    const rateAt: RateAt = (at) => perSecond * shareAt(at / seconds);
    return poisson(rateAt, perSecond * most, seconds, random);
  };
}

function between([from, to]: readonly [number, number], share: number): number {
  return from + (to - from) * share;
}

function isSpike(share: number): boolean {
  const { spikes, spikeShare } = SHAPE;
  return (share * spikes) % 1 >= 1 - spikeShare * spikes;
}

function spikeBase(): number {
  const share = SHAPE.spikeShare * SHAPE.spikes;
  return 1 / (1 - share + share * SHAPE.spikeOf);
}
