import type { Random } from "@infaas/runtime";
import { poisson, type Workload } from "./arrivals";
import { exponential, logNormal, normal } from "./draws";

/** Where bursts are: as in the trace, at the second minute of a half-hour; nowhere; at any minute of it. */
export type TwitterFlavour = "full" | "no-bursts" | "random-minutes";

/** Of queries for a service of short messages over three weeks (docs/evaluation.md): per second, and shapes of a day and of bursts. */
const TWITTER = {
  mean: 63.8,
  baseline: 52.2,
  hours: [
    ...[0.83, 0.85, 0.91, 0.99, 1.08, 1.19, 1.31, 1.38, 1.38, 1.25, 1.12, 1.0],
    ...[0.93, 0.89, 0.87, 0.86, 0.85, 0.85, 0.87, 0.93, 0.97, 0.93, 0.88, 0.87],
  ],
  minuteSigma: 0.067,
  halfHour: 30,
  gapMinutes: 117,
  atMinute: 2,
  longShare: 0.85,
  longMinutes: { mean: 8.5, sd: 3, from: 3, to: 18 },
  longLevel: { mean: 4.35, sd: 0.55, from: 3, to: 5.6 },
  shortMinutes: 2,
  shortLevel: [1.6, 2.5],
  decayPerMinute: 0.62,
} as const;

const SECONDS_PER_MINUTE = 60;
const MINUTES_PER_HOUR = 60;

/**
 * Returns a load with a day's shape and bursts that come within a second, stay for minutes and decay. The mean rate is that of a
 * long run in full; the first half-hour has a burst, so that a short run meets one.
 */
export function twitterLike(flavour: TwitterFlavour): Workload {
  return (perSecond, seconds, random) => {
    const rates = twitterRates(flavour, Math.ceil(seconds / SECONDS_PER_MINUTE), random);
    const scale = perSecond / TWITTER.mean;
    const most = scale * Math.max(...rates);
    return poisson((at) => scale * (rates[Math.floor(at / SECONDS_PER_MINUTE)] ?? 0), most, seconds, random);
  };
}

/** Returns the rate of each minute, per second, at the mean of the trace. */
export function twitterRates(flavour: TwitterFlavour, minutes: number, random: Random): readonly number[] {
  const { baseline, hours, minuteSigma } = TWITTER;
  const rates = Array.from({ length: minutes }, (_, minute) => {
    const hour = hours[Math.floor(minute / MINUTES_PER_HOUR) % hours.length] ?? 1;
    return baseline * hour * logNormal(random, minuteSigma);
  });
  if (flavour !== "no-bursts") addBursts(rates, flavour, random);
  return rates;
}

function addBursts(rates: number[], flavour: TwitterFlavour, random: Random): void {
  const { halfHour, gapMinutes, atMinute, longShare, longMinutes, longLevel } = TWITTER;
  const { shortMinutes, shortLevel, baseline, decayPerMinute } = TWITTER;
  for (let from = 0; from < rates.length; ) {
    const within = flavour === "full" ? atMinute : Math.floor(random.next() * halfHour);
    const isLong = random.next() < longShare;
    const minutes = isLong ? Math.round(clipped(longMinutes, random)) : shortMinutes;
    const [low, high] = shortLevel;
    const level = baseline * (isLong ? clipped(longLevel, random) : low + (high - low) * random.next());
    const end = from + within + minutes;
    for (let minute = from + within; minute < rates.length; minute++) {
      const rate = level * decayPerMinute ** Math.max(0, minute - end + 1);
      if (minute >= end && rate < (rates[minute] ?? 0)) break;
      rates[minute] = Math.max(rate, rates[minute] ?? 0);
    }
    from += halfHour * Math.max(1, Math.round((exponential(random) * gapMinutes) / halfHour));
  }
}

function clipped(
  {
    mean,
    sd,
    from,
    to,
  }: { readonly mean: number; readonly sd: number; readonly from: number; readonly to: number },
  random: Random,
): number {
  return Math.min(to, Math.max(from, mean + sd * normal(random)));
}
