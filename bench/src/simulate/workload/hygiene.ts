/** What arrivals are like, so that nobody takes a smooth trace for a bursty one. */
export interface HygieneCard {
  readonly count: number;
  readonly perSecond: number;
  /** Busiest second over the mean. */
  readonly peakOverMean: number;
  /** Coefficient of variation of the gaps; 1: Poisson. */
  readonly gapCv: number;
  /** Variance over mean of the counts in windows of 1, 10 and 60 s; 1: Poisson. */
  readonly dispersion: readonly (readonly [windowSeconds: number, dispersion: number])[];
  /** Share of the seconds without an arrival. */
  readonly emptySeconds: number;
  /** Largest share of arrivals in one second of the minute, times 60; 1: none is preferred. */
  readonly clockAlignment: number;
  readonly warnings: readonly string[];
}

const MS_PER_SECOND = 1_000;
const SECONDS_PER_MINUTE = 60;
const WINDOWS_SECONDS = [1, 10, 60];
/** Below these a trace is told to be smoother than Poisson, or bound to the clock. */
const SMOOTH_CV = 0.9;
const ALIGNED = 1.5;
/** Fewer minutes say nothing about alignment. */
const MINUTES_ENOUGH = 10;

/** Returns the card of arrivals (ms, rising) within so many seconds. */
export function hygieneOf(arrivals: Iterable<number>, seconds: number): HygieneCard {
  const perSecond = new Float64Array(Math.max(1, Math.ceil(seconds)));
  const ofMinute = new Float64Array(SECONDS_PER_MINUTE);
  const gaps = { count: 0, sum: 0, squares: 0 };
  let [count, lastMs] = [0, Number.NaN];
  for (const atMs of arrivals) {
    const second = Math.min(perSecond.length - 1, Math.floor(atMs / MS_PER_SECOND));
    perSecond[second] = (perSecond[second] ?? 0) + 1;
    const place = second % SECONDS_PER_MINUTE;
    ofMinute[place] = (ofMinute[place] ?? 0) + 1;
    if (count > 0) {
      gaps.count++;
      gaps.sum += atMs - lastMs;
      gaps.squares += (atMs - lastMs) ** 2;
    }
    lastMs = atMs;
    count++;
  }
  const mean = gaps.sum / gaps.count;
  const gapCv = Math.sqrt(Math.max(0, gaps.squares / gaps.count - mean ** 2)) / mean;
  const clockAlignment = (Math.max(...ofMinute) / Math.max(1, count)) * SECONDS_PER_MINUTE;
  const rate = count / seconds;
  return {
    count,
    perSecond: rate,
    peakOverMean: perSecond.reduce((most, n) => Math.max(most, n), 0) / rate,
    gapCv,
    dispersion: WINDOWS_SECONDS.map((window) => [window, dispersionOf(perSecond, window)] as const),
    emptySeconds: perSecond.filter((n) => n === 0).length / perSecond.length,
    clockAlignment,
    warnings: [
      ...(gapCv < SMOOTH_CV ? ["its gaps are smoother than those of a Poisson process"] : []),
      ...(seconds >= MINUTES_ENOUGH * SECONDS_PER_MINUTE && clockAlignment > ALIGNED
        ? ["its arrivals prefer a second of the minute"]
        : []),
    ],
  };
}

/** The card in a line. */
export function describeHygiene(card: HygieneCard): string {
  const { count, perSecond, peakOverMean, gapCv, dispersion, emptySeconds, clockAlignment, warnings } = card;
  const dispersions = dispersion.map(([window, value]) => `${value.toFixed(1)} at ${window} s`).join(", ");
  const alignment = `alignment ${clockAlignment.toFixed(2)}`;
  const cells = [`${count} arrivals, ${perSecond.toFixed(1)}/s`, `peak second ${peakOverMean.toFixed(2)}x`];
  cells.push(`CV of gaps ${gapCv.toFixed(2)}`, `dispersion ${dispersions}`);
  cells.push(`${(100 * emptySeconds).toFixed(1)} % of the seconds empty`, alignment);
  return [cells.join(", "), ...warnings.map((warning) => `warning: ${warning}`)].join("; ");
}

/** NaN where fewer than two windows are whole. */
function dispersionOf(perSecond: Float64Array, windowSeconds: number): number {
  const windows = Math.floor(perSecond.length / windowSeconds);
  if (windows < 2) return Number.NaN;
  let [sum, squares] = [0, 0];
  for (let w = 0; w < windows; w++) {
    let count = 0;
    for (let s = 0; s < windowSeconds; s++) count += perSecond[w * windowSeconds + s] ?? 0;
    sum += count;
    squares += count ** 2;
  }
  const mean = sum / windows;
  return (squares / windows - mean ** 2) / mean;
}
