import type { Slo } from "@infaas/policy";
import type { Clock } from "@infaas/runtime";
import {
  type DemandClass,
  type DemandCounts,
  type DemandReading,
  demandClass,
  demandKey,
  noDemand,
  OTHER_DEMAND,
} from "../view/demand-class";

/** Demand classes counted apart; queries of further ones are counted as one. */
const CLASSES_MAX = 1_024;
/** A class without a query for so long is forgotten, and makes room for another. */
const IDLE_KEPT_MS = 120_000;

interface Counted extends DemandReading {
  readonly counts: DemandCounts;
  /** When a query of it came last; read at each sweep. */
  seenMs: number;
  seenOffered: number;
}

/** Counts queries by demand class since the process began. A query costs one look-up, or none when it repeats the one before. */
export class DemandCounters {
  private readonly byKey = new Map<string, Counted>();
  private readonly other: Counted;
  private last: { readonly target: string; readonly slo: Slo; readonly counts: DemandCounts } | null = null;

  constructor(private readonly clock: Clock) {
    this.other = this.fresh(OTHER_DEMAND);
  }

  /** Counts a query as offered; returns where its end is counted. */
  offered(target: string, slo: Slo, rows: number): DemandCounts {
    const counts = this.countsOf(target, slo);
    counts.offered++;
    counts.rows += rows;
    return counts;
  }

  /** All classes with their counts. */
  readings(): readonly DemandReading[] {
    const others = this.other.counts.offered > 0 ? [this.other] : [];
    return [...this.byKey.values(), ...others];
  }

  /** Forgets classes without a query for `IDLE_KEPT_MS`. */
  sweep(): void {
    const nowMs = this.clock.nowMs();
    for (const [key, counted] of this.byKey) {
      if (counted.counts.offered > counted.seenOffered) {
        counted.seenOffered = counted.counts.offered;
        counted.seenMs = nowMs;
      } else if (nowMs - counted.seenMs >= IDLE_KEPT_MS) this.byKey.delete(key);
    }
    // It may be of a class that was forgotten.
    this.last = null;
  }

  private countsOf(target: string, slo: Slo): DemandCounts {
    const { last } = this;
    if (last !== null && last.slo === slo && last.target === target) return last.counts;
    const { counts } = this.counted(demandClass(target, slo));
    this.last = { target, slo, counts };
    return counts;
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
    return { demandClass: of, counts: noDemand(), seenMs: this.clock.nowMs(), seenOffered: 0 };
  }
}
