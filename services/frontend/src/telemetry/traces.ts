import type { Clock, ServiceError, SpanContext, SpanRecorder } from "@infaas/runtime";
import type { QueryReceipt } from "../query/receipts";
import type { TraceFile } from "./trace-file";
import type { TraceRule, TraceSettings } from "./trace-settings";
import type { TracedQuery } from "./traced-query";

export interface QueryTracesOptions {
  readonly recorder: SpanRecorder;
  readonly clock: Clock;
  readonly settings: TraceSettings;
  /** Where traces go besides; null: nowhere. */
  readonly file: Pick<TraceFile, "record"> | null;
}

/** What a traced query asked for. */
export type AskedQuery = Pick<TracedQuery, "model" | "version" | "requestId">;

/**
 * One trace per sampled query. Sampling is decided first, spans are made afterwards from the receipt's times, so a
 * query that is not sampled costs nothing. The executor's spans hang below this frontend's by the ids in the frame.
 */
export class QueryTraces {
  constructor(private readonly o: QueryTracesOptions) {}

  /** Null = not sampled. A caller's traceparent decides, else the settings of `model` ("" = those of all). */
  start(traceparent: string | undefined, model: string): SpanContext | null {
    const { recorder, settings } = this.o;
    if (!recorder.records) return null;
    const rule = settings.ruleFor(model);
    if (!rule.on || rule.left === 0) return null;
    const context = recorder.start(traceparent, ratioNow(rule));
    if (context !== null && rule.left > 0) rule.left--;
    return context;
  }

  answered(context: SpanContext, r: QueryReceipt, asked: AskedQuery): void {
    const { recorder, clock, file } = this.o;
    const endEpochMs = clock.epochMs();
    file?.record({ ...asked, traceId: context.traceId, endEpochMs, receipt: r });
    const startEpochMs = endEpochMs - r.totalMs;
    const attributes = {
      "infaas.variant": r.variant.name,
      "infaas.architecture": r.variant.architecture,
      "infaas.executor": r.executor,
      "infaas.batch_size": r.batchSize,
      "infaas.cost_usd": r.costUsd,
      "infaas.downgraded": r.downgraded,
      "infaas.cold": r.cold,
    };
    recorder.record({ name: "query", context, startEpochMs, endEpochMs, attributes });
    const child = (name: string, fromMs: number, lengthMs: number) =>
      recorder.record({
        name,
        context: recorder.child(context),
        parentSpanId: context.spanId,
        startEpochMs: startEpochMs + fromMs,
        endEpochMs: startEpochMs + fromMs + lengthMs,
      });
    child("select", 0, r.selectMs);
    child("forward", r.selectMs, r.totalMs - r.selectMs);
  }

  refused(context: SpanContext | null, error: ServiceError, totalMs: number): void {
    if (context === null) return;
    const endEpochMs = this.o.clock.epochMs();
    const startEpochMs = endEpochMs - totalMs;
    this.o.recorder.record({ name: "query", context, startEpochMs, endEpochMs, error: error.message });
  }
}

/** Probability that the next query is traced; 0 or 1 where one of so many is. */
function ratioNow(rule: TraceRule): number {
  if (rule.every === null) return rule.ratio;
  rule.seen++;
  return rule.seen % rule.every === 0 ? 1 : 0;
}
