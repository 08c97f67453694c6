import type { Clock } from "@infaas/runtime";
import type { DirectFigures, DirectService, EngineAnswer } from "../engines/engine-port";
import { RecentWindow } from "./recent-window";

/** Length of a window of recent answers: one export period of the metrics. */
const WINDOW_MS = 1_000;

/** Counters of one variant since it was loaded. */
export interface VariantFigures {
  /** Rows answered. */
  servedRows: number;
  /** Queries refused, whatever the reason. */
  refused: number;
  readonly recent: RecentWindow;
  /** Number of the batch recorded last: its answers arrive one after another and carry the same times. */
  batchId: number | undefined;
}

/** Counters by variant. The exporter reads them once a period, so a query costs no more than an increment. */
export class LiveFigures {
  private readonly figures = new Map<string, VariantFigures>();
  private readonly direct = new Map<DirectService, string>();

  /** `taken` is called with what was counted outside of JavaScript; spans of sampled queries are made of it. */
  constructor(
    private readonly clock: Clock,
    private readonly taken: (variant: string, figures: DirectFigures) => void = () => undefined,
  ) {}

  /** Counts an answer, and its batch once. Latency is the engine's run alone, as in profiles. */
  answered(variant: string, rows: number, answer: EngineAnswer): void {
    const figures = this.of(variant);
    figures.servedRows += rows;
    if (answer.batchId !== undefined && answer.batchId === figures.batchId) return;
    figures.batchId = answer.batchId;
    figures.recent.record(answer.runMs, answer.batchSize, this.clock.nowMs());
  }

  /** Counts a refusal. */
  refused(variant: string): void {
    this.of(variant).refused += 1;
  }

  /** Includes the queries of `direct`, which do not pass through JavaScript, until it is retired. */
  attach(variant: string, direct: DirectService): void {
    this.direct.set(direct, variant);
  }

  /** Returns the figures of all variants. */
  entries(): Iterable<readonly [string, VariantFigures]> {
    this.collect();
    return this.figures;
  }

  /** Adds what was counted outside of JavaScript, where memory for it is bounded. */
  collect(): void {
    for (const [direct, variant] of this.direct) this.take(direct, variant);
  }

  /** Drops variants that are not `present`, so that the table is bounded by what is loaded. */
  keepOnly(present: ReadonlySet<string>): void {
    for (const variant of this.figures.keys()) if (!present.has(variant)) this.figures.delete(variant);
    for (const [direct, variant] of this.direct) if (!present.has(variant)) this.direct.delete(direct);
  }

  private take(direct: DirectService, variant: string): void {
    const { retired } = direct;
    const taken = direct.takeFigures();
    const { servedRows, refused, batches } = taken;
    if (retired) this.direct.delete(direct);
    if (servedRows + refused === 0) return;
    this.taken(variant, taken);
    const figures = this.of(variant);
    figures.servedRows += servedRows;
    figures.refused += refused;
    const nowMs = this.clock.nowMs();
    for (const { agoMs, runMs, rows } of batches) figures.recent.record(runMs, rows, nowMs - agoMs);
  }

  private of(variant: string): VariantFigures {
    let figures = this.figures.get(variant);
    if (figures === undefined) {
      const recent = new RecentWindow(WINDOW_MS, this.clock.nowMs());
      figures = { servedRows: 0, refused: 0, recent, batchId: undefined };
      this.figures.set(variant, figures);
    }
    return figures;
  }
}
