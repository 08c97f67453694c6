import type { Clock } from "@infaas/runtime";
import type { EngineAnswer } from "./engine-port";
import { LatencyWindow } from "./latency-window";

/** How long a window of recent latencies lasts: one period of the metrics. */
const windowMs = 1_000;

/** What one variant did here since the process started. */
export interface VariantFigures {
  /** Rows answered. */
  servedRows: number;
  /** Queries refused by the instance, whatever the reason. */
  refused: number;
  /** Rows in the batches that the answers came from, summed over answers: mean batch = batchRows / answered. */
  batchRows: number;
  answered: number;
  readonly latency: LatencyWindow;
}

/** Own counters per variant, read by the exporter when it likes: an increment costs nothing on the way of a query. */
export class InstanceFigures {
  private readonly figures = new Map<string, VariantFigures>();

  constructor(private readonly clock: Clock) {}

  /** Counts an answer; latency is what the engine took for the batch, without the queue. */
  answered(variant: string, rows: number, answer: EngineAnswer): void {
    const figures = this.of(variant);
    figures.servedRows += rows;
    figures.answered += 1;
    figures.batchRows += answer.batchSize;
    figures.latency.record(answer.gatherMs + answer.runMs + answer.scatterMs, this.clock.nowMs());
  }

  /** Counts a refusal. */
  refused(variant: string): void {
    this.of(variant).refused += 1;
  }

  /** All variants that were ever asked for and are still kept. */
  entries(): Iterable<readonly [string, VariantFigures]> {
    return this.figures;
  }

  /** Drops what is not `present` any more, so that the table is bounded by what is loaded. */
  keepOnly(present: ReadonlySet<string>): void {
    for (const variant of this.figures.keys()) if (!present.has(variant)) this.figures.delete(variant);
  }

  private of(variant: string): VariantFigures {
    let figures = this.figures.get(variant);
    if (figures === undefined) {
      const latency = new LatencyWindow(windowMs, this.clock.nowMs());
      figures = { servedRows: 0, refused: 0, batchRows: 0, answered: 0, latency };
      this.figures.set(variant, figures);
    }
    return figures;
  }
}
