import type { Clock } from "@infaas/runtime";
import type { DirectFigures, DirectService, EngineAnswer } from "../engines/engine-port";
import type { QueryFigures } from "../serving/served-instance";

/** Batches remembered until they are taken; beyond it the oldest make room. */
const BATCHES_MAX = 1_024;

/** Queries and batches of one variant that came over links. */
export type CountedOf = Pick<DirectFigures, "servedRows" | "refused" | "batches">;

interface Counted {
  servedRows: number;
  refused: number;
  batches: { readonly atMs: number; readonly runMs: number; readonly rows: number }[];
  batchId: number | undefined;
  readonly direct: Set<DirectService>;
}

/** Queries and batches by variant since the last call of `take`; another process adds them up. */
export class CountedFigures implements QueryFigures {
  private readonly counted = new Map<string, Counted>();

  /** `onTaken` is told what links that do not pass through JavaScript did with a variant. */
  constructor(
    private readonly clock: Clock,
    private readonly onTaken: (variant: string, taken: DirectFigures) => void,
  ) {}

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

  collect(): void {
    for (const [variant, counted] of this.counted) {
      for (const direct of counted.direct) {
        const { retired } = direct;
        const taken = direct.takeFigures();
        if (retired) counted.direct.delete(direct);
        this.onTaken(variant, taken);
        counted.servedRows += taken.servedRows;
        counted.refused += taken.refused;
        const nowMs = this.clock.nowMs();
        for (const { agoMs, ...batch } of taken.batches)
          counted.batches.push({ atMs: nowMs - agoMs, ...batch });
        counted.batches.splice(0, Math.max(0, counted.batches.length - BATCHES_MAX));
      }
    }
  }

  /** Figures of a variant since the last call; its traces were given to `onTaken`. */
  take(variant: string): CountedOf {
    const counted = this.counted.get(variant);
    if (counted === undefined) return { servedRows: 0, refused: 0, batches: [] };
    const nowMs = this.clock.nowMs();
    const { servedRows, refused } = counted;
    const batches = counted.batches.map(({ atMs, ...batch }) => ({ agoMs: nowMs - atMs, ...batch }));
    counted.servedRows = 0;
    counted.refused = 0;
    counted.batches = [];
    return { servedRows, refused, batches };
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
