import {
  type ArrivalEnvelope,
  addedEnvelopes,
  type DemandFigures,
  rateInterval,
  refusalReasons,
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

/** The most arrivals by window, in the half minute under way and in the one before. */
interface Peaks {
  readonly sinceMs: number;
  readonly now: Map<number, number>;
  readonly before: ReadonlyMap<number, number>;
}

interface Series {
  readonly demandClass: DemandClass;
  readonly latencyMs: number | null;
  /** The oldest first; at least one. */
  samples: Sample[];
  peaks: Peaks;
}

interface Source {
  atMs: number;
  readonly series: Map<string, Series>;
}

/** Arrivals that make a rate; the window grows until it has as many. */
const ARRIVALS_ENOUGH = 30;
/** Windows that a rate is taken over, ms. */
const WINDOWS_MS = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000] as const;
const WINDOW_MAX_MS = 60_000;
/** Readings that follow sooner replace the one before, so that a short period of export keeps no more of them. */
const SAMPLE_GAP_MS = 400;
/** Window of what became of queries, SLO attainment among it. */
const OUTCOME_WINDOW_MS = 10_000;
/** An envelope remembers bursts for twice this long at most, and for this long at least. */
const PEAKS_KEPT_MS = 30_000;

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
  const peaks = raised(known?.peaks, bursts, nowMs);
  const last = known?.samples.at(-1);
  if (known === undefined || last === undefined || counts.offered < last.counts.offered) {
    // It had nothing when its frontend was last heard; of one that is heard first nothing is known of before.
    const start = beforeMs === null ? [] : [{ counts: noDemand(), atMs: beforeMs }];
    return { demandClass, latencyMs, samples: [...start, sample], peaks };
  }
  const { samples } = known;
  const before = samples.at(-2);
  if (before !== undefined && nowMs - before.atMs < SAMPLE_GAP_MS) samples.pop();
  samples.push(sample);
  const keptFrom = samples.findLastIndex((s) => nowMs - s.atMs >= WINDOW_MAX_MS);
  if (keptFrom > 0) samples.splice(0, keptFrom);
  return { demandClass, latencyMs, samples, peaks };
}

function raised(known: Peaks | undefined, bursts: ReadonlyMap<number, number>, nowMs: number): Peaks {
  const nothing: ReadonlyMap<number, number> = new Map();
  const isKept = known !== undefined && nowMs - known.sinceMs < PEAKS_KEPT_MS;
  const peaks = isKept ? known : { sinceMs: nowMs, now: new Map(), before: known?.now ?? nothing };
  for (const [windowMs, arrivals] of bursts)
    peaks.now.set(windowMs, Math.max(arrivals, peaks.now.get(windowMs) ?? 0));
  return peaks;
}

function figuresOf(all: readonly Series[]): ClassFigures {
  const { demandClass } = all[0] as Series;
  let window = windowOf(all, WINDOW_MAX_MS);
  for (const ms of WINDOWS_MS) {
    const shorter = windowOf(all, ms);
    if (shorter.arrivals < ARRIVALS_ENOUGH) continue;
    window = shorter;
    break;
  }
  const { arrivals, rows, perSecond } = window;
  const seconds = perSecond > 0 ? arrivals / perSecond : WINDOW_MAX_MS / 1000;
  const objectives = all.flatMap(({ latencyMs }) => latencyMs ?? []);
  return {
    demandClass,
    latencyMs: objectives.length === 0 ? null : Math.min(...objectives),
    arrivals,
    rate: rateInterval(arrivals, seconds),
    rowsPerQuery: arrivals > 0 ? rows / arrivals : demandClass.rowsFrom,
    envelope: addedEnvelopes(all.map(envelopeOf)),
    ...outcomesOf(all),
  };
}

/** Arrivals within the shortest run of samples that spans `windowMs`, or all there are; rates add up over frontends. */
function windowOf(all: readonly Series[], windowMs: number) {
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

function envelopeOf({ peaks: { now, before } }: Series): ArrivalEnvelope {
  return [...new Set([...now.keys(), ...before.keys()])].map((windowMs) => ({
    windowMs,
    arrivals: Math.max(now.get(windowMs) ?? 0, before.get(windowMs) ?? 0),
  }));
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
