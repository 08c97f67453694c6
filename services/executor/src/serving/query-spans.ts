import type { SpanIds } from "@infaas/api";
import type { Clock, SpanContext, SpanRecorder } from "@infaas/runtime";
import type { DirectFigures, StageTimes } from "../engines/engine-port";

/** A sampled query. */
export interface TracedQuery {
  readonly trace: Pick<SpanIds, "traceId" | "spanId">;
  readonly variant: string;
  readonly rows: number;
  /** From its arrival at the executor to its answer. */
  readonly executorMs: number;
  /** How long ago it was answered. */
  readonly agoMs: number;
}

/** A span without its context. */
interface Stage {
  readonly name: string;
  readonly startEpochMs: number;
  readonly endEpochMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly links?: readonly SpanContext[];
  readonly kind?: "server";
}

/** The batch whose span was recorded last. */
interface TracedBatch {
  readonly variant: string;
  readonly id: number;
  readonly context: SpanContext;
}

/**
 * Spans of sampled queries, made from measured times after the answer: `execute` is the child of the caller's
 * span and the parent of `queue`, `gather`, `run` and `scatter`. A batch has one span, a child of its first
 * sampled query's `execute`; the `run` of each of its queries links to it.
 */
export class QuerySpans {
  private lastBatch: TracedBatch | null = null;
  private lost = 0;

  constructor(
    private readonly clock: Clock,
    private readonly tracer: SpanRecorder,
  ) {}

  /** Records queries that never passed through JavaScript. Their batches are numbered apart from those of `record`. */
  recordDirect(variant: string, { traces, tracesLost }: DirectFigures): void {
    if (!this.tracer.records) return;
    this.lost += tracesLost;
    this.lastBatch = null;
    for (const trace of traces) {
      const { rows, executorMs, agoMs } = trace;
      this.record({ trace, variant, rows, executorMs, agoMs }, trace);
    }
    this.lastBatch = null;
  }

  /** How many sampled queries have no spans, because too many came at once, since the last call. */
  takeLost(): number {
    const { lost } = this;
    this.lost = 0;
    return lost;
  }

  /** Records an answered query. */
  record(query: TracedQuery, answer: StageTimes): void {
    const { traceId, spanId } = query.trace;
    const endEpochMs = this.clock.epochMs() - query.agoMs;
    const attributes = { "infaas.variant": query.variant, "infaas.rows": query.rows };
    const startEpochMs = endEpochMs - query.executorMs;
    const execute: Stage = { name: "execute", kind: "server", startEpochMs, endEpochMs, attributes };
    const context = this.stage({ traceId, spanId, sampled: true }, execute);
    const scatterAt = endEpochMs - answer.scatterMs;
    const runAt = scatterAt - answer.runMs;
    const gatherAt = runAt - answer.gatherMs;
    const size = { "infaas.batch_size": answer.batchSize };
    const batch = this.batch(query.variant, answer, context, {
      name: "batch",
      startEpochMs: gatherAt,
      endEpochMs,
      attributes: size,
    });
    const stages: readonly Stage[] = [
      { name: "queue", startEpochMs: gatherAt - answer.queueMs, endEpochMs: gatherAt, attributes: {} },
      { name: "gather", startEpochMs: gatherAt, endEpochMs: runAt, attributes: {} },
      { name: "run", startEpochMs: runAt, endEpochMs: scatterAt, attributes: size, links: [batch] },
      { name: "scatter", startEpochMs: scatterAt, endEpochMs, attributes: {} },
    ];
    for (const stage of stages) this.stage(context, stage);
  }

  /** The span of the batch this answer came from; recorded with the first sampled query of the batch. */
  private batch(variant: string, { batchId: id }: StageTimes, parent: SpanContext, span: Stage): SpanContext {
    const { lastBatch } = this;
    if (lastBatch !== null && lastBatch.variant === variant && lastBatch.id === id) return lastBatch.context;
    const context = this.stage(parent, span);
    this.lastBatch = id === undefined ? null : { variant, id, context };
    return context;
  }

  private stage(parent: SpanContext, span: Stage): SpanContext {
    const context = this.tracer.child(parent);
    this.tracer.record({ ...span, context, parentSpanId: parent.spanId });
    return context;
  }
}
