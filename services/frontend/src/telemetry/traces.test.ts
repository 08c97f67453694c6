import {
  Code,
  createLogger,
  type FinishedSpan,
  formatTraceparent,
  parseTraceparent,
  ServiceError,
  type SpanRecorder,
  systemClock,
  VirtualClock,
} from "@infaas/runtime";
import { rpcFace } from "./query-face";
import { TraceSettings } from "./trace-settings";
import { QueryTraces } from "./traces";

const logger = createLogger({ service: "test", level: "error" });
const context = { traceId: "1".repeat(32), spanId: "2".repeat(16), sampled: true };

/** Samples as it is told, and remembers it. */
function recorderOf(ratios: (number | undefined)[]): SpanRecorder {
  return {
    records: true,
    sampleRatio: 0.25,
    start: (_parent, ratio) => {
      ratios.push(ratio);
      return ratio === 0 ? null : context;
    },
    record: () => undefined,
    child: (c) => c,
  };
}

/** Records as it is told, and samples what it is asked to. */
function recordingRecorder(spans: FinishedSpan[]): SpanRecorder {
  return {
    ...recorderOf([]),
    start: (parent, ratio) => {
      const caller = parent === undefined ? null : parseTraceparent(parent);
      if (caller !== null) return caller.sampled ? { ...context, traceId: caller.traceId } : null;
      return ratio === 1 ? context : null;
    },
    record: (span) => void spans.push(span),
  };
}

const face = rpcFace("/inference.GRPCInferenceService/ModelInfer");
const slo = {
  latencyMs: 20,
  minAccuracy: 0.9,
  maxCostUsd: null,
  objective: "min-cost",
  noDowngrade: false,
  deterministic: false,
} as const;
const asked = { model: "digits:fast", version: "1", requestId: "", face, task: "digits", slo };

describe("QueryTraces.keep", () => {
  const kept = (settings?: (s: TraceSettings) => void) => {
    const recorder = recordingRecorder([]);
    const all = new TraceSettings(recorder, null);
    settings?.(all);
    const clock = new VirtualClock();
    return { clock, traces: new QueryTraces({ recorder, clock, logger, settings: all, file: null }) };
  };

  it("traces ten a second for each reason, and the trace of a caller that sampled nothing", async () => {
    const { clock, traces } = kept();
    const lates = Array.from({ length: 12 }, () => traces.keep("late", undefined, "mlp") !== null);
    expect(lates.filter(Boolean)).toHaveLength(10);
    const callers = { ...context, traceId: "3".repeat(32), sampled: false };
    expect(traces.keep("refused", formatTraceparent(callers), "mlp")?.traceId).toBe(callers.traceId);
    await clock.advance(1_000);
    expect(traces.keep("late", undefined, "mlp")).not.toBeNull();
  });

  it("traces nothing that is off", () => {
    const { traces } = kept((settings) => settings.update("mlp", { trace_level: ["OFF"] }));
    expect(traces.keep("refused", undefined, "mlp")).toBeNull();
  });
});

describe("QueryTraces.refused", () => {
  const refusedWith = (code: Code) => {
    const spans: FinishedSpan[] = [];
    const recorder = recordingRecorder(spans);
    const settings = new TraceSettings(recorder, null);
    const traces = new QueryTraces({ recorder, clock: systemClock, logger, settings, file: null });
    traces.refused(context, { error: new ServiceError(code, "no"), totalMs: 3 }, asked);
    return spans[0] as FinishedSpan;
  };

  it("says what was asked for, and which code it was refused with", () => {
    const span = refusedWith(Code.FAILED_PRECONDITION);
    expect(span).toMatchObject({ name: "inference.GRPCInferenceService/ModelInfer", kind: "server" });
    expect(span.attributes).toEqual({
      "rpc.system.name": "grpc",
      "rpc.method": "inference.GRPCInferenceService/ModelInfer",
      "infaas.target": "digits:fast",
      "infaas.task": "digits",
      "infaas.asked.latency_ms": 20,
      "infaas.asked.accuracy": 0.9,
      "rpc.response.status_code": "FAILED_PRECONDITION",
      "error.type": "FAILED_PRECONDITION",
      "infaas.code": "FAILED_PRECONDITION",
      "infaas.refusal": "no",
    });
  });

  it("is an error of the server only where the server failed", () => {
    expect(refusedWith(Code.FAILED_PRECONDITION).error).toBeUndefined();
    expect(refusedWith(Code.UNAVAILABLE).error).toBe("no");
  });
});

describe("QueryTraces.start", () => {
  it("samples by the settings of the model asked for, as many as they allow", () => {
    const ratios: (number | undefined)[] = [];
    const recorder = recorderOf(ratios);
    const settings = new TraceSettings(recorder, null);
    settings.update("mlp", { trace_rate: ["2"], trace_count: ["2"] });
    const traces = new QueryTraces({ recorder, clock: systemClock, logger, settings, file: null });
    const started = [1, 2, 3, 4, 5, 6].map(() => traces.start(undefined, "mlp") !== null);
    expect(started).toEqual([false, true, false, true, false, false]);
    expect(traces.start(undefined, "other")).toEqual(context);
    expect(ratios).toEqual([0, 1, 0, 1, 0.25]);
  });

  it("traces nothing that is off, whatever the caller decided", () => {
    const recorder = recorderOf([]);
    const settings = new TraceSettings(recorder, null);
    settings.update("", { trace_level: ["OFF"] });
    const traces = new QueryTraces({ recorder, clock: systemClock, logger, settings, file: null });
    expect(traces.start(formatTraceparent(context), "mlp")).toBeNull();
  });
});
