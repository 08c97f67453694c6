import type { Slo } from "@infaas/policy";
import {
  type Clock,
  Code,
  codeName,
  formatTraceparent,
  type Logger,
  parseTraceparent,
  type ServiceError,
  type SpanContext,
  type SpanRecorder,
} from "@infaas/runtime";
import type { QueryReceipt } from "../query/receipts";
import { KeptTraces } from "./kept-traces";
import type { QueryFace } from "./query-face";
import type { TraceFile } from "./trace-file";
import type { TraceRule, TraceSettings } from "./trace-settings";
import type { TracedQuery } from "./traced-query";

export interface QueryTracesOptions {
  readonly recorder: SpanRecorder;
  readonly clock: Clock;
  readonly logger: Pick<Logger, "debug" | "levels">;
  readonly settings: TraceSettings;
  /** Where traces go besides; null: nowhere. */
  readonly file: Pick<TraceFile, "record"> | null;
}

/** What a traced query asked for, and by which way. */
export interface AskedQuery extends Pick<TracedQuery, "model" | "version" | "requestId"> {
  readonly face: QueryFace;
  /** Null: what it asked for is unknown. */
  readonly task: string | null;
  /** Null: it was refused before its requirements were read. */
  readonly slo: Slo | null;
}

/** Why a query is traced that was not sampled. */
export type KeptFor = "refused" | "late" | "downgraded";

type Attributes = Record<string, string | number | boolean>;

/** Codes that OpenTelemetry's conventions have as errors of a server; with the others its caller was wrong, or asked too much. */
const serverErrors: ReadonlySet<Code> = new Set([
  Code.UNKNOWN,
  Code.DEADLINE_EXCEEDED,
  Code.UNIMPLEMENTED,
  Code.INTERNAL,
  Code.UNAVAILABLE,
  Code.DATA_LOSS,
]);

/**
 * One trace per sampled query, and per query that was refused, late or downgraded, within a budget. Sampling is decided first, spans
 * are made afterwards from the receipt's times, so a query that is not sampled costs nothing. The executor's spans hang below
 * `forward` of a sampled query by the ids in the frame; one that is kept afterwards has its stages as attributes alone.
 */
export class QueryTraces {
  private readonly kept: KeptTraces<KeptFor>;

  constructor(private readonly o: QueryTracesOptions) {
    this.kept = new KeptTraces(o.clock);
  }

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

  /** The trace of a query that has ended and was not sampled; null: none are made, or the second has had its share. */
  keep(reason: KeptFor, traceparent: string | undefined, model: string): SpanContext | null {
    const { recorder, settings } = this.o;
    if (!recorder.records) return null;
    const rule = settings.ruleFor(model);
    if (!rule.on || rule.left === 0 || !this.kept.take(reason)) return null;
    const parent = traceparent === undefined ? null : parseTraceparent(traceparent);
    return recorder.start(parent === null ? undefined : formatTraceparent({ ...parent, sampled: true }), 1);
  }

  answered(context: SpanContext, r: QueryReceipt, asked: AskedQuery): void {
    const { recorder, clock, file } = this.o;
    const endEpochMs = clock.epochMs();
    const { model, version, requestId, face } = asked;
    file?.record({ model, version, requestId, traceId: context.traceId, endEpochMs, receipt: r });
    const startEpochMs = endEpochMs - r.totalMs;
    const attributes = {
      ...askedAttributes(asked),
      ...receiptAttributes(r),
      [face.statusName]: face.status(Code.OK),
    };
    recorder.record({ name: face.span, kind: "server", context, startEpochMs, endEpochMs, attributes });
    const child = (
      name: string,
      kind: "internal" | "client",
      [fromMs, lengthMs]: readonly [number, number],
    ) =>
      recorder.record({
        name,
        kind,
        context: recorder.child(context),
        parentSpanId: context.spanId,
        startEpochMs: startEpochMs + fromMs,
        endEpochMs: startEpochMs + fromMs + lengthMs,
      });
    child("select", "internal", [0, r.selectMs]);
    child("forward", "client", [r.selectMs, r.totalMs - r.selectMs]);
    this.log("query answered", context, { target: model, variant: r.variant.name, total_ms: r.totalMs });
  }

  refused(
    context: SpanContext,
    { error, totalMs }: { readonly error: ServiceError; readonly totalMs: number },
    asked: AskedQuery,
  ): void {
    const { recorder, clock } = this.o;
    const { face, model: target } = asked;
    const { code, message } = error;
    const endEpochMs = clock.epochMs();
    const attributes = {
      ...askedAttributes(asked),
      [face.statusName]: face.status(code),
      "error.type": codeName(code),
      "infaas.code": codeName(code),
      "infaas.refusal": message,
    };
    recorder.record({
      name: face.span,
      kind: "server",
      context,
      startEpochMs: endEpochMs - totalMs,
      endEpochMs,
      attributes,
      ...(serverErrors.has(code) ? { error: message } : {}),
    });
    this.log("query refused", context, { target, code: codeName(code), reason: message, total_ms: totalMs });
  }

  /** Fields of a trace are named as OpenTelemetry has them in logs of other formats. */
  private log(message: string, { traceId, spanId }: SpanContext, fields: object): void {
    const { logger } = this.o;
    if (logger.levels.isOn("debug")) logger.debug(message, { trace_id: traceId, span_id: spanId, ...fields });
  }
}

function askedAttributes({ face, model, task, slo }: AskedQuery): Attributes {
  return {
    ...face.attributes,
    "infaas.target": model,
    ...(task === null ? {} : { "infaas.task": task }),
    ...(slo?.latencyMs == null ? {} : { "infaas.asked.latency_ms": slo.latencyMs }),
    ...(slo?.minAccuracy == null ? {} : { "infaas.asked.accuracy": slo.minAccuracy }),
    ...(slo?.maxCostUsd == null ? {} : { "infaas.asked.cost_usd": slo.maxCostUsd }),
  };
}

function receiptAttributes(r: QueryReceipt): Attributes {
  return {
    "infaas.variant": r.variant.name,
    "infaas.architecture": r.variant.architecture,
    ...(r.variant.accuracy === null ? {} : { "infaas.accuracy": r.variant.accuracy.value }),
    "infaas.executor": r.executor,
    "infaas.batch_size": r.batchSize,
    "infaas.cost_usd": r.costUsd,
    "infaas.downgraded": r.downgraded,
    "infaas.cold": r.cold,
    "infaas.network_ms": r.networkMs,
    "infaas.queue_ms": r.queueMs,
    "infaas.gather_ms": r.gatherMs,
    "infaas.compute_ms": r.computeMs,
    "infaas.scatter_ms": r.scatterMs,
  };
}

/** Probability that the next query is traced; 0 or 1 where one of so many is. */
function ratioNow(rule: TraceRule): number {
  if (rule.every === null) return rule.ratio;
  rule.seen++;
  return rule.seen % rule.every === 0 ? 1 : 0;
}
