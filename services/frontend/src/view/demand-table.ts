import { type RateInterval, rateInterval } from "@infaas/policy";
import { type DemandClass, type DemandCounts, type DemandReading, demandKey, noDemand } from "./demand-class";

/** Demand of one class over all frontends. */
export interface ClassFigures {
  readonly demandClass: DemandClass;
  /** Queries in the window that the rate is of. */
  readonly arrivals: number;
  /** Queries per second. */
  readonly rate: RateInterval;
  /** Mean rows of a query in the window; 1 when none came. */
  readonly rowsPerQuery: number;
  /** Share of the queries that ended within `ATTAINMENT_WINDOW_MS` which were answered in time; null: none ended. */
  readonly attainment: number | null;
}

/** Cumulative counts at one moment. */
interface Sample extends Readonly<DemandCounts> {
  readonly atMs: number;
}

interface Series {
  readonly demandClass: DemandClass;
  /** The oldest first; at least one. */
  samples: Sample[];
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
/** Window of SLO attainment. */
const ATTAINMENT_WINDOW_MS = 10_000;

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
      for (const [key, one] of series) byClass.set(key, [...(byClass.get(key) ?? []), one]);
    }
    return [...byClass.values()].map(figuresOf);
  }

  /** SLO attainment of one frontend by class, over the last ten seconds; classes without an end are left out. */
  attainmentOf(
    frontend: string,
  ): readonly { readonly demandClass: DemandClass; readonly attainment: number }[] {
    return [...(this.sources.get(frontend)?.series.values() ?? [])].flatMap((one) => {
      const attainment = attainmentOf([one]);
      return attainment === null ? [] : [{ demandClass: one.demandClass, attainment }];
    });
  }
}

function extended(
  known: Series | undefined,
  { demandClass, counts }: DemandReading,
  { nowMs, beforeMs }: { readonly nowMs: number; readonly beforeMs: number | null },
): Series {
  const sample = { ...counts, atMs: nowMs };
  const last = known?.samples.at(-1);
  if (known === undefined || last === undefined || counts.offered < last.offered) {
    // It had nothing when its frontend was last heard; of one that is heard first nothing is known of before.
    const start = beforeMs === null ? [] : [{ ...noDemand(), atMs: beforeMs }];
    return { demandClass, samples: [...start, sample] };
  }
  const { samples } = known;
  const before = samples.at(-2);
  if (before !== undefined && nowMs - before.atMs < SAMPLE_GAP_MS) samples.pop();
  samples.push(sample);
  const keptFrom = samples.findLastIndex((s) => nowMs - s.atMs >= WINDOW_MAX_MS);
  if (keptFrom > 0) samples.splice(0, keptFrom);
  return { demandClass, samples };
}

function figuresOf(all: readonly Series[]): ClassFigures {
  const demandClass = (all[0] as Series).demandClass;
  let window = windowOf(all, WINDOW_MAX_MS);
  for (const ms of WINDOWS_MS) {
    const shorter = windowOf(all, ms);
    if (shorter.arrivals < ARRIVALS_ENOUGH) continue;
    window = shorter;
    break;
  }
  const { arrivals, rows, perSecond } = window;
  const seconds = perSecond > 0 ? arrivals / perSecond : WINDOW_MAX_MS / 1000;
  return {
    demandClass,
    arrivals,
    rate: rateInterval(arrivals, seconds),
    rowsPerQuery: arrivals > 0 ? rows / arrivals : 1,
    attainment: attainmentOf(all),
  };
}

/** Arrivals within the shortest run of samples that spans `windowMs`, or all there are; rates add up over frontends. */
function windowOf(all: readonly Series[], windowMs: number) {
  let [arrivals, rows, perSecond] = [0, 0, 0];
  for (const one of all) {
    const [from, to] = spanOf(one, windowMs);
    const seconds = (to.atMs - from.atMs) / 1000;
    if (seconds <= 0) continue;
    arrivals += to.offered - from.offered;
    rows += to.rows - from.rows;
    perSecond += (to.offered - from.offered) / seconds;
  }
  return { arrivals, rows, perSecond };
}

function attainmentOf(all: readonly Series[]): number | null {
  let [inTime, ended] = [0, 0];
  for (const one of all) {
    const [from, to] = spanOf(one, ATTAINMENT_WINDOW_MS);
    inTime += to.inTime - from.inTime;
    ended += to.inTime + to.late + to.refused - from.inTime - from.late - from.refused;
  }
  return ended > 0 ? inTime / ended : null;
}

function spanOf({ samples }: Series, windowMs: number): readonly [from: Sample, to: Sample] {
  const to = samples.at(-1) as Sample;
  const from = samples.findLast((s) => to.atMs - s.atMs >= windowMs) ?? (samples[0] as Sample);
  return [from, to];
}
