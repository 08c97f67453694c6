import type { Random } from "../process/random";
import { parseTraceparent, type SpanContext } from "./trace-context";

export interface FinishedSpan {
  readonly name: string;
  /** Default: `server` without a parent in this process, else `internal`. */
  readonly kind?: "server" | "client" | "internal";
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

/** How a recorder decides on sampling and makes ids. */
export function contextsOf(o: {
  sampleRatio: number;
  random: Random;
}): Pick<SpanRecorder, "start" | "child"> {
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
