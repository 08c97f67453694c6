import {
  ARRIVALS_ENOUGH,
  type ArrivalEnvelope,
  addedEnvelopes,
  type DemandFigures,
  type RateInterval,
  rateInterval,
  refusalReasons,
  WINDOW_ENOUGH_MS,
} from "@infaas/policy";
import {
  type DemandClass,
  type DemandCounts,
  type DemandReading,
  demandFields,
  demandKey,
  noDemand,
} from "./demand-class";

/** Demand of one class over all frontends. */
export interface ClassFigures extends DemandFigures {
  readonly demandClass: DemandClass;
  /** The tightest latency objective that was asked for, ms; null: none was. */
  readonly latencyMs: number | null;
  /** Queries in the window that the rate is of. */
  readonly arrivals: number;
  /** Mean rows of a query in that window; the least of the class when none came. */
  readonly rowsPerQuery: number;
}

/** Cumulative counts at one moment. */
interface Sample {
  readonly atMs: number;
  readonly counts: Readonly<DemandCounts>;
}

interface Series {
  readonly demandClass: DemandClass;
  readonly latencyMs: number | null;
  /** The oldest first; at least one. */
  samples: Sample[];
  /** As told last: whoever plans remembers larger ones for as long as hosts are held for them. */
  readonly bursts: ReadonlyMap<number, number>;
}

interface Source {
  atMs: number;
  readonly series: Map<string, Series>;
}

/** Windows that a rate is taken over, ms: the shortest with `ARRIVALS_ENOUGH`. */
const WINDOWS_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000] as const;
const WINDOW_MAX_MS = 60_000;
/** Readings that follow sooner replace the one before, so that a short period of export keeps no more of them. */
const SAMPLE_GAP_MS = 400;
/** Window of what became of queries, SLO attainment among it. */
const OUTCOME_WINDOW_MS = 10_000;

/** What all frontends were asked lately, from the counts they export. Time is given with each call. */
export class DemandTable {
  private readonly sources = new Map<string, Source>();

  /** Takes the cumulative counts of one frontend; counts that fell are those of a new life. */
  take(frontend: string, readings: readonly DemandReading[], nowMs: number): void {
    const source = this.sources.get(frontend);
    const series = new Map<string, Series>();
    for (const reading of readings) {
      const key = demandKey(reading.demandClass);
      series.set(key, extended(source?.series.get(key), reading, { nowMs, beforeMs: source?.atMs ?? null }));
    }
    this.sources.set(frontend, { atMs: nowMs, series });
  }

  /** Forgets frontends that are members no longer. */
  keepOnly(frontends: ReadonlySet<string>): void {
    for (const name of this.sources.keys()) if (!frontends.has(name)) this.sources.delete(name);
  }

  /** How long ago a frontend told its counts; Infinity: never. */
  ageMs(frontend: string, nowMs: number): number {
    return nowMs - (this.sources.get(frontend)?.atMs ?? Number.NEGATIVE_INFINITY);
  }

  /** Every class that some frontend counts. O(classes × frontends). */
  figures(): readonly ClassFigures[] {
    const byClass = new Map<string, Series[]>();
    for (const { series } of this.sources.values()) {
      for (const [key, one] of series) {
        const all = byClass.get(key);
        if (all === undefined) byClass.set(key, [one]);
        else all.push(one);
      }
    }
    return [...byClass.values()].map(figuresOf);
  }

  /** Queries with a latency objective that have ended, and those of them that missed it: late, or refused for want of time or room. */
  outcomes(): { readonly ended: number; readonly missed: number } {
    let [ended, missed] = [0, 0];
    for (const { series } of this.sources.values()) {
      for (const { latencyMs, samples } of series.values()) {
        const counts = samples.at(-1)?.counts;
        if (latencyMs === null || counts === undefined) continue;
        const without = counts.late + counts["refused.full"] + counts["refused.late"];
        ended += counts.inTime + without;
        missed += without;
      }
    }
    return { ended, missed };
  }

  /** SLO attainment of one frontend by class, over the last ten seconds; classes without an end are left out. */
  attainmentOf(
    frontend: string,
  ): readonly { readonly demandClass: DemandClass; readonly attainment: number }[] {
    return [...(this.sources.get(frontend)?.series.values() ?? [])].flatMap((one) => {
      const { attainment } = outcomesOf([one]);
      return attainment === null ? [] : [{ demandClass: one.demandClass, attainment }];
    });
  }
}

function extended(
  known: Series | undefined,
  { demandClass, latencyMs, counts, bursts }: DemandReading,
  { nowMs, beforeMs }: { readonly nowMs: number; readonly beforeMs: number | null },
): Series {
  const sample = { counts: { ...counts }, atMs: nowMs };
  const last = known?.samples.at(-1);
  if (known === undefined || last === undefined || counts.offered < last.counts.offered) {
    // It had nothing when its frontend was last heard; of one that is heard first nothing is known of before.
    const start = beforeMs === null ? [] : [{ counts: noDemand(), atMs: beforeMs }];
    return { demandClass, latencyMs, samples: [...start, sample], bursts };
  }
  const { samples } = known;
  const before = samples.at(-2);
  if (before !== undefined && nowMs - before.atMs < SAMPLE_GAP_MS) samples.pop();
  samples.push(sample);
  const keptFrom = samples.findLastIndex((s) => nowMs - s.atMs >= WINDOW_MAX_MS);
  if (keptFrom > 0) samples.splice(0, keptFrom);
  return { demandClass, latencyMs, samples, bursts };
}

function figuresOf(all: readonly Series[]): ClassFigures {
  const { demandClass } = all[0] as Series;
  const window = shortestWindow(all, 0);
  const steady = shortestWindow(all, WINDOW_ENOUGH_MS);
  const { arrivals, rows } = window;
  const objectives = all.flatMap(({ latencyMs }) => latencyMs ?? []);
  return {
    demandClass,
    latencyMs: objectives.length === 0 ? null : Math.min(...objectives),
    arrivals,
    rate: rateOf(window),
    steadyRate: secondsOf(steady) * 1_000 >= WINDOW_ENOUGH_MS ? rateOf(steady) : null,
    rowsPerQuery: arrivals > 0 ? rows / arrivals : demandClass.rowsFrom,
    envelope: addedEnvelopes(all.map(envelopeOf)),
    ...outcomesOf(all),
  };
}

/** Arrivals of some time. */
interface Window {
  readonly arrivals: number;
  readonly rows: number;
  readonly perSecond: number;
}

function rateOf(window: Window): RateInterval {
  return rateInterval(window.arrivals, secondsOf(window));
}

function secondsOf({ arrivals, perSecond }: Window): number {
  return perSecond > 0 ? arrivals / perSecond : WINDOW_MAX_MS / 1000;
}

/** The shortest window of at least so long with arrivals enough, or all that is known. */
function shortestWindow(all: readonly Series[], leastMs: number): Window {
  for (const ms of WINDOWS_MS) {
    if (ms < leastMs) continue;
    const window = windowOf(all, ms);
    if (window.arrivals >= ARRIVALS_ENOUGH) return window;
  }
  return windowOf(all, WINDOW_MAX_MS);
}

/** Arrivals within the shortest run of samples that spans `windowMs`, or all there are; rates add up over frontends. */
function windowOf(all: readonly Series[], windowMs: number): Window {
  let [arrivals, rows, perSecond] = [0, 0, 0];
  for (const one of all) {
    const [from, to] = spanOf(one, windowMs);
    const seconds = (to.atMs - from.atMs) / 1000;
    if (seconds <= 0) continue;
    const offered = to.counts.offered - from.counts.offered;
    arrivals += offered;
    rows += to.counts.rows - from.counts.rows;
    perSecond += offered / seconds;
  }
  return { arrivals, rows, perSecond };
}

function envelopeOf({ bursts }: Series): ArrivalEnvelope {
  return [...bursts].map(([windowMs, arrivals]) => ({ windowMs, arrivals }));
}

/** What became of queries within `OUTCOME_WINDOW_MS`. */
function outcomesOf(all: readonly Series[]) {
  const sums = noDemand();
  let seconds = 0;
  for (const one of all) {
    const [from, to] = spanOf(one, OUTCOME_WINDOW_MS);
    seconds = Math.max(seconds, (to.atMs - from.atMs) / 1000);
    for (const field of demandFields) sums[field] += to.counts[field] - from.counts[field];
  }
  const refusals = refusalReasons.map((reason) => [reason, sums[`refused.${reason}`]] as const);
  const refused = refusals.reduce((sum, [, count]) => sum + count, 0);
  const { offered, retried, inTime, late, givenUp, downgraded, cold } = sums;
  const ended = inTime + late + refused;
  return {
    seconds,
    offered,
    retried,
    inTime,
    late,
    refusedByReason: Object.fromEntries(refusals) as DemandFigures["refusedByReason"],
    givenUp,
    downgraded,
    cold,
    attainment: ended > 0 ? inTime / ended : null,
  };
}

function spanOf({ samples }: Series, windowMs: number): readonly [from: Sample, to: Sample] {
  const to = samples.at(-1) as Sample;
  const from = samples.findLast((s) => to.atMs - s.atMs >= windowMs) ?? (samples[0] as Sample);
  return [from, to];
}
