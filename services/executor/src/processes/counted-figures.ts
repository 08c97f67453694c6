import type { Clock } from "@infaas/runtime";
import type { DirectFigures, DirectService, EngineAnswer } from "../engines/engine-port";
import type { QueryFigures } from "../serving/served-instance";

/** Batches remembered until they are taken; beyond it the oldest make room. */
const BATCHES_MAX = 1_024;

interface Counted {
  servedRows: number;
  refused: number;
  batches: { readonly atMs: number; readonly runMs: number; readonly rows: number }[];
  batchId: number | undefined;
  readonly direct: Set<DirectService>;
}

/** What links did with each variant since it was last taken, for whoever adds it up in another process. */
export class CountedFigures implements QueryFigures {
  private readonly counted = new Map<string, Counted>();

  constructor(private readonly clock: Clock) {}

  answered(variant: string, rows: number, answer: EngineAnswer): void {
    const counted = this.of(variant);
    counted.servedRows += rows;
    if (answer.batchId !== undefined && answer.batchId === counted.batchId) return;
    counted.batchId = answer.batchId;
    counted.batches.push({ atMs: this.clock.nowMs(), runMs: answer.runMs, rows: answer.batchSize });
    if (counted.batches.length > BATCHES_MAX) counted.batches.shift();
  }

  refused(variant: string): void {
    this.of(variant).refused += 1;
  }

  attach(variant: string, direct: DirectService): void {
    this.of(variant).direct.add(direct);
  }

  /** Figures of a variant since the last call. */
  take(variant: string): DirectFigures {
    const counted = this.counted.get(variant);
    if (counted === undefined) return { servedRows: 0, refused: 0, batches: [] };
    const nowMs = this.clock.nowMs();
    const taken = {
      servedRows: counted.servedRows,
      refused: counted.refused,
      batches: counted.batches.map(({ atMs, runMs, rows }) => ({ agoMs: nowMs - atMs, runMs, rows })),
    };
    for (const direct of counted.direct) {
      const { retired } = direct;
      const more = direct.takeFigures();
      if (retired) counted.direct.delete(direct);
      taken.servedRows += more.servedRows;
      taken.refused += more.refused;
      taken.batches.push(...more.batches);
    }
    counted.servedRows = 0;
    counted.refused = 0;
    counted.batches = [];
    return taken;
  }

  private of(variant: string): Counted {
    let counted = this.counted.get(variant);
    if (counted === undefined) {
      counted = { servedRows: 0, refused: 0, batches: [], batchId: undefined, direct: new Set() };
      this.counted.set(variant, counted);
    }
    return counted;
  }
}
