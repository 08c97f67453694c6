import type { SpanIds } from "@infaas/api";
import type { Clock, SpanContext, SpanRecorder } from "@infaas/runtime";
import type { EngineAnswer } from "../engines/engine-port";

/** One query as the trace shows it. */
export interface TracedQuery {
  readonly trace: SpanIds;
  readonly variant: string;
  readonly rows: number;
  /** From its arrival until now. */
  readonly executorMs: number;
}

/** A span but for its identity. */
interface Stage {
  readonly name: string;
  readonly startEpochMs: number;
  readonly endEpochMs: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly links?: readonly SpanContext[];
}

/** The batch whose span was recorded last. */
interface TracedBatch {
  readonly variant: string;
  readonly id: number;
  readonly context: SpanContext;
}

/**
 * Spans of sampled queries, made afterwards from measured times: `execute` below the caller's span, and below it queue,
 * gather, run and scatter. A batch that sampled queries shared has one span of its own, below the first of them, and
 * the run of each is linked to it.
 */
export class QuerySpans {
  private lastBatch: TracedBatch | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly tracer: SpanRecorder,
  ) {}

  /** Records an answer that just came. */
  record(query: TracedQuery, answer: EngineAnswer): void {
    const { traceId, spanId } = query.trace;
    const endEpochMs = this.clock.epochMs();
    const attributes = { "infaas.variant": query.variant, "infaas.rows": query.rows };
    const startEpochMs = endEpochMs - query.executorMs;
    const execute = { name: "execute", startEpochMs, endEpochMs, attributes };
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
  private batch(
    variant: string,
    { batchId: id }: EngineAnswer,
    parent: SpanContext,
    span: Stage,
  ): SpanContext {
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
