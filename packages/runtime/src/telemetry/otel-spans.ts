import { type Attributes, SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import type { Resource } from "@opentelemetry/resources";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import type { Random } from "../process/random";
import { contextsOf, type FinishedSpan, type SpanRecorder } from "./span-recorder";

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

const kinds = { server: SpanKind.SERVER, client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };

function readable(span: FinishedSpan, resource: Resource, scope: { name: string }): ReadableSpan {
  const { context, startEpochMs, endEpochMs } = span;
  const own = otelContext(context.traceId, context.spanId);
  const parentSpanId = span.parentSpanId ?? context.parentSpanId;
  const attributes: Attributes = span.attributes ?? {};
  return {
    name: span.name,
    kind: kinds[span.kind ?? (span.parentSpanId === undefined ? "server" : "internal")],
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
export function highResolution(ms: number): [number, number] {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)];
}
