import { type Attributes, SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Random } from "../process/random";
import { parseTraceparent, type SpanContext } from "./trace-context";

export interface FinishedSpan {
  readonly name: string;
  readonly context: SpanContext;
  readonly parentSpanId?: string;
  readonly startEpochMs: number;
  readonly endEpochMs: number;
  readonly attributes?: Record<string, string | number | boolean>;
  readonly links?: readonly SpanContext[];
  /** Message of the failure; undefined: status UNSET. */
  readonly error?: string;
}

/**
 * Traces in two steps: sampling is decided first, spans of the sampled are made afterwards from the times
 * they took.
 */
export interface SpanRecorder {
  /** False: no span is ever sampled. */
  readonly records: boolean;
  /** Sampling ratio where neither the caller nor `start` decides; 0 to 1. */
  readonly sampleRatio: number;
  /**
   * The context of a new span: a caller's decision wins, else `ratio`, else the recorder's own. Null = not
   * sampled: record nothing.
   */
  start(parentTraceparent: string | undefined, ratio?: number): SpanContext | null;
  record(span: FinishedSpan): void;
  /** A new span in the same trace. */
  child(context: SpanContext): SpanContext;
}

/** Samples and records nothing: there is no collector. */
export const noSpans: SpanRecorder = {
  records: false,
  sampleRatio: 0,
  start: () => null,
  record: () => {},
  child: (context) => context,
};

/** Returns a recorder that samples and records nothing: something else does, from the same decisions. */
export function createSampler(o: { sampleRatio: number; random: Random }): SpanRecorder {
  return { records: true, sampleRatio: o.sampleRatio, ...contextsOf(o), record: () => {} };
}

/** Returns a recorder that hands sampled spans to `processor`. Not sampling costs one random number. */
export function createSpanRecorder(o: {
  processor: SpanProcessor;
  resource: Resource;
  service: string;
  sampleRatio: number;
  random: Random;
}): SpanRecorder {
  const scope = { name: o.service };
  return {
    records: true,
    sampleRatio: o.sampleRatio,
    ...contextsOf(o),
    record: (span) => {
      if (span.context.sampled) o.processor.onEnd(readable(span, o.resource, scope));
    },
  };
}

function contextsOf(o: { sampleRatio: number; random: Random }): Pick<SpanRecorder, "start" | "child"> {
  return {
    start: (parentTraceparent, ratio = o.sampleRatio) => {
      const parent = parentTraceparent === undefined ? null : parseTraceparent(parentTraceparent);
      if (parent !== null) {
        if (!parent.sampled) return null;
        return { ...parent, spanId: o.random.hex(8), parentSpanId: parent.spanId };
      }
      if (o.random.next() >= ratio) return null;
      return { traceId: o.random.hex(16), spanId: o.random.hex(8), sampled: true };
    },
    child: ({ traceId, sampled }) => ({ traceId, spanId: o.random.hex(8), sampled }),
  };
}

function readable(span: FinishedSpan, resource: Resource, scope: { name: string }): ReadableSpan {
  const { context, startEpochMs, endEpochMs } = span;
  const own = otelContext(context.traceId, context.spanId);
  const parentSpanId = span.parentSpanId ?? context.parentSpanId;
  const attributes: Attributes = span.attributes ?? {};
  return {
    name: span.name,
    kind: span.parentSpanId === undefined ? SpanKind.SERVER : SpanKind.INTERNAL,
    spanContext: () => own,
    ...(parentSpanId === undefined ? {} : { parentSpanContext: otelContext(context.traceId, parentSpanId) }),
    startTime: highResolution(startEpochMs),
    endTime: highResolution(endEpochMs),
    duration: highResolution(Math.max(0, endEpochMs - startEpochMs)),
    status:
      span.error === undefined
        ? { code: SpanStatusCode.UNSET }
        : { code: SpanStatusCode.ERROR, message: span.error },
    attributes,
    links: (span.links ?? []).map((link) => ({ context: otelContext(link.traceId, link.spanId) })),
    events: [],
    ended: true,
    resource,
    instrumentationScope: scope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}

function otelContext(traceId: string, spanId: string) {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
}

/** Seconds and nanoseconds, as OpenTelemetry has times. */
function highResolution(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
