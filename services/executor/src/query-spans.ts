import type { SpanIds } from "@infaas/api";
import type { Clock, SpanContext, SpanRecorder } from "@infaas/runtime";
import type { EngineAnswer } from "./engine-port";

/** One query as the trace shows it. */
export interface TracedQuery {
  readonly trace: SpanIds;
  readonly variant: string;
  readonly rows: number;
}

/**
 * Spans of sampled queries, made afterwards from measured times: queue, gather, run and scatter under the caller's span.
 * The batch has a span of its own, in a trace of its own, to which the run is linked: many queries share it.
 */
export class QuerySpans {
  constructor(
    private readonly clock: Clock,
    private readonly tracer: SpanRecorder,
  ) {}

  /** Records an answer that just came. */
  record(query: TracedQuery, answer: EngineAnswer): void {
    const parent = { traceId: query.trace.traceId, spanId: query.trace.spanId, sampled: true };
    let startEpochMs =
      this.clock.epochMs() - answer.queueMs - answer.gatherMs - answer.runMs - answer.scatterMs;
    const attributes = { variant: query.variant, rows: query.rows, batch_size: answer.batchSize };
    for (const [name, lastMs] of stages(answer)) {
      this.stage(parent, { name, startEpochMs, endEpochMs: startEpochMs + lastMs, attributes });
      startEpochMs += lastMs;
    }
  }

  private stage(
    parent: SpanContext,
    span: {
      name: string;
      startEpochMs: number;
      endEpochMs: number;
      attributes: Record<string, string | number>;
    },
  ): void {
    this.tracer.record({ ...span, context: this.tracer.child(parent), parentSpanId: parent.spanId });
  }
}

function stages(answer: EngineAnswer): readonly (readonly [string, number])[] {
  return [
    ["queue", answer.queueMs],
    ["gather", answer.gatherMs],
    ["run", answer.runMs],
    ["scatter", answer.scatterMs],
  ];
}
