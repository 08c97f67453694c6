/** What a load took, phase by phase, ms; together they are all of it. */
export interface LoadPhases {
  /** Until the files were on the host and verified. */
  readonly fetchMs: number;
  /** Until the process that runs the engine was up; 0: it was. */
  readonly processMs: number;
  /** Until the engine had opened the file. */
  readonly openMs: number;
  /** Until the golden input was answered. */
  readonly probeMs: number;
}

/** The phases of a load in their order, and all of them together. */
export const loadPhases = ["fetch", "process", "open", "probe", "total"] as const;
export type LoadPhase = (typeof loadPhases)[number];

/** Quantiles of what a phase took, ms. */
export interface PhaseTime {
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** What loads of one variant took on hosts of one type. */
export interface LoadTimes {
  readonly variant: string;
  readonly hostType: string;
  /** Loads that the quantiles are of. */
  readonly loads: number;
  readonly phases: Readonly<Record<LoadPhase, PhaseTime>>;
}

/** Loads of one variant and host type from which on their median is planned with: two outliers of five do not move it. */
export const LOADS_ENOUGH = 5;
/** Latest loads of one variant and host type that quantiles are taken of. */
const LOADS_KEPT_MAX = 64;
/** Pairs of variant and host type that are remembered; beyond them those loaded longest ago are forgotten. */
const PAIRS_MAX = 4_096;

interface Pair {
  readonly variant: string;
  readonly hostType: string;
  /** In the order in which they ended. */
  readonly loads: LoadPhases[];
  /** Of these loads; null: not asked for since the latest. */
  times: LoadTimes | null;
}

/** What loads took where at least `LOADS_ENOUGH` were seen, by `loadKey`. */
export type ExpectedLoads = ReadonlyMap<string, LoadTimes>;

/** Remembers what loads took, by variant and host type. */
export class LoadLedger {
  private readonly byPair = new Map<string, Pair>();
  private frequent: ExpectedLoads | null = null;

  add(variant: string, hostType: string, load: LoadPhases): void {
    const key = loadKey(variant, hostType);
    const known = this.byPair.get(key) ?? { variant, hostType, loads: [], times: null };
    known.loads.push(load);
    known.times = null;
    this.frequent = null;
    known.loads.splice(0, Math.max(0, known.loads.length - LOADS_KEPT_MAX));
    // Kept in order of the latest load.
    this.byPair.delete(key);
    this.byPair.set(key, known);
    for (const oldest of this.byPair.keys()) if (this.byPair.size > PAIRS_MAX) this.byPair.delete(oldest);
  }

  /** What loads of the variant took on hosts of this type; null: none was seen. */
  times(variant: string, hostType: string): LoadTimes | null {
    const known = this.byPair.get(loadKey(variant, hostType));
    return known === undefined ? null : timesOf(known);
  }

  /** Returns what the next load is expected to take; what comes later does not change it. Made anew after a load only. */
  get expected(): ExpectedLoads {
    this.frequent ??= new Map(
      [...this.byPair].flatMap(([key, pair]) =>
        pair.loads.length < LOADS_ENOUGH ? [] : [[key, timesOf(pair)] as const],
      ),
    );
    return this.frequent;
  }

  /** Of every pair that `isAsked` takes. */
  all(isAsked: (variant: string) => boolean): readonly LoadTimes[] {
    return [...this.byPair.values()].filter(({ variant }) => isAsked(variant)).map(timesOf);
  }
}

/** Returns all phases of a load together. */
function loadTotalMs({ fetchMs, processMs, openMs, probeMs }: LoadPhases): number {
  return fetchMs + processMs + openMs + probeMs;
}

const phaseMs: Readonly<Record<LoadPhase, (load: LoadPhases) => number>> = {
  fetch: (load) => load.fetchMs,
  process: (load) => load.processMs,
  open: (load) => load.openMs,
  probe: (load) => load.probeMs,
  total: loadTotalMs,
};

function timesOf(pair: Pair): LoadTimes {
  if (pair.times !== null) return pair.times;
  const { variant, hostType, loads } = pair;
  const phases = Object.fromEntries(
    loadPhases.map((phase) => [phase, phaseTime(loads.map(phaseMs[phase]))]),
  ) as Record<LoadPhase, PhaseTime>;
  pair.times = { variant, hostType, loads: loads.length, phases };
  return pair.times;
}

/** Returns the quantiles of these times, at least one, ms. */
export function phaseTime(timesMs: readonly number[]): PhaseTime {
  const sorted = [...timesMs].sort((a, b) => a - b);
  return { p50Ms: quantile(sorted, 0.5), p95Ms: quantile(sorted, 0.95) };
}

/** The smallest value that this share is not above. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

/** Returns text that is equal for loads of one variant on hosts of one type only. */
export function loadKey(variant: string, hostType: string): string {
  return `${variant}\n${hostType}`;
}
