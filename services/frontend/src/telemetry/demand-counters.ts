import { ArrivalWindows, envelopeWindows, type Slo } from "@infaas/policy";
import type { Clock } from "@infaas/runtime";
import {
  type DemandClass,
  type DemandCounts,
  type DemandReading,
  demandClass,
  demandKey,
  noDemand,
  OTHER_DEMAND,
  rowsBucket,
} from "../view/demand-class";

/** Demand classes counted apart; queries of further ones are counted as one until the next sweep. */
const CLASSES_MAX = 1_024;
/** Share of the classes, the rarest, that a sweep makes room with when there is none. */
const RAREST_SHARE = 0.25;
/** A class without a query for so long is forgotten, and makes room for another. */
const IDLE_KEPT_MS = 120_000;
/** A window with fewer arrivals says nothing of bursts. */
const BURST_LEAST = 2;

/** One query as demand. */
export interface OfferedQuery {
  /** Full name of what it asks. */
  readonly target: string;
  readonly slo: Slo;
  readonly rows: number;
  /** Its caller says that it was sent before. */
  readonly isRetry: boolean;
}

interface Counted {
  readonly demandClass: DemandClass;
  readonly counts: DemandCounts;
  readonly windows: ArrivalWindows;
  latencyMs: number | null;
  /** When a query of it came last; read at each sweep. */
  seenMs: number;
  seenOffered: number;
  /** Queries between the last two sweeps. */
  lately: number;
}

/** Counts queries by demand class since the process began. A query costs one look-up, or none when it repeats the one before. */
export class DemandCounters {
  private readonly byKey = new Map<string, Counted>();
  private readonly other: Counted;
  private last: (Pick<OfferedQuery, "target" | "slo"> & { rowsFrom: number; counted: Counted }) | null = null;

  constructor(private readonly clock: Pick<Clock, "nowMs">) {
    this.other = this.fresh(OTHER_DEMAND);
  }

  /** Counts a query as offered; returns where its end is counted, or null: it was counted when it came first. */
  offered(query: OfferedQuery): DemandCounts | null {
    const counted = this.countedFor(query);
    const { counts } = counted;
    if (query.isRetry) {
      counts.retried++;
      return null;
    }
    counts.offered++;
    counts.rows += query.rows;
    counted.windows.add(1, this.clock.nowMs());
    return counts;
  }

  /** All classes with their counts. */
  readings(): readonly DemandReading[] {
    const others = this.other.counts.offered > 0 ? [this.other] : [];
    return [...this.byKey.values(), ...others].map(({ demandClass, counts, latencyMs, windows }) => {
      const bursts = new Map<number, number>();
      for (const [w, most] of windows.most().entries())
        if (most >= BURST_LEAST) bursts.set(windows.windowsMs[w]!, most);
      return { demandClass, counts, latencyMs, bursts };
    });
  }

  /**
   * Begins a new period of bursts; forgets classes without a query for `IDLE_KEPT_MS`, and where there is no room for new ones
   * those that were asked for least since the last sweep: their next queries count with the others, or anew.
   */
  sweep(): void {
    const nowMs = this.clock.nowMs();
    for (const [key, counted] of this.byKey) {
      counted.lately = counted.counts.offered - counted.seenOffered;
      counted.seenOffered = counted.counts.offered;
      counted.windows.turn();
      if (counted.lately > 0) counted.seenMs = nowMs;
      else if (nowMs - counted.seenMs >= IDLE_KEPT_MS) this.byKey.delete(key);
    }
    this.other.windows.turn();
    if (this.byKey.size >= CLASSES_MAX) this.makeRoom();
    // It may be of a class that was forgotten.
    this.last = null;
  }

  private makeRoom(): void {
    const rarest = [...this.byKey].sort(([, a], [, b]) => a.lately - b.lately || a.seenMs - b.seenMs);
    for (const [key] of rarest.slice(0, CLASSES_MAX * RAREST_SHARE)) this.byKey.delete(key);
  }

  private countedFor({ target, slo, rows }: OfferedQuery): Counted {
    const { last } = this;
    const rowsFrom = rowsBucket(rows);
    if (last !== null && last.target === target && last.rowsFrom === rowsFrom && asksSame(last.slo, slo))
      return last.counted;
    const counted = this.counted(demandClass(target, slo, rows));
    const { latencyMs } = slo;
    if (latencyMs !== null) counted.latencyMs = Math.min(latencyMs, counted.latencyMs ?? latencyMs);
    this.last = { target, slo, rowsFrom, counted };
    return counted;
  }

  private counted(of: DemandClass): Counted {
    const key = demandKey(of);
    const known = this.byKey.get(key);
    if (known !== undefined) return known;
    if (this.byKey.size >= CLASSES_MAX) return this.other;
    const fresh = this.fresh(of);
    this.byKey.set(key, fresh);
    return fresh;
  }

  private fresh(of: DemandClass): Counted {
    return {
      demandClass: of,
      counts: noDemand(),
      windows: new ArrivalWindows(envelopeWindows(of.latencyFromMs)),
      latencyMs: null,
      seenMs: this.clock.nowMs(),
      seenOffered: 0,
      lately: 0,
    };
  }
}

/** Whether two queries ask for the same, as far as it makes their class. */
function asksSame(a: Slo, b: Slo): boolean {
  if (a === b) return true;
  return (
    a.latencyMs === b.latencyMs &&
    a.minAccuracy === b.minAccuracy &&
    a.maxCostUsd === b.maxCostUsd &&
    a.objective === b.objective &&
    a.noDowngrade === b.noDowngrade
  );
}
