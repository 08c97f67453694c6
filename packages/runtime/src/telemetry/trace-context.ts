/** One span's place in a trace (W3C Trace Context). Hexadecimal: 32 and 16 digits. */
export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  /** The span of a caller outside this system, when it began the trace. */
  readonly parentSpanId?: string;
}

const form = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const SAMPLED_FLAG = 1;

/**
 * Returns the context in a `traceparent` header; null when it is not one, and a trace of our own begins then.
 */
export function parseTraceparent(header: string): SpanContext | null {
  const [, version, traceId = "", spanId = "", flags = "", rest] = form.exec(header) ?? [];
  if (version === undefined || version === "ff" || (version === "00" && rest !== undefined)) return null;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED_FLAG) !== 0 };
}

/** Returns the `traceparent` header of a context. */
export function formatTraceparent(c: SpanContext): string {
  return `00-${c.traceId}-${c.spanId}-${c.sampled ? "01" : "00"}`;
}
