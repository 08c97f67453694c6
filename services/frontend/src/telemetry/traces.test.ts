import { formatTraceparent, type SpanRecorder, systemClock } from "@infaas/runtime";
import { TraceSettings } from "./trace-settings";
import { QueryTraces } from "./traces";

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

describe("QueryTraces.start", () => {
  it("samples by the settings of the model asked for, as many as they allow", () => {
    const ratios: (number | undefined)[] = [];
    const recorder = recorderOf(ratios);
    const settings = new TraceSettings(recorder, null);
    settings.update("mlp", { trace_rate: ["2"], trace_count: ["2"] });
    const traces = new QueryTraces({ recorder, clock: systemClock, settings, file: null });
    const started = [1, 2, 3, 4, 5, 6].map(() => traces.start(undefined, "mlp") !== null);
    expect(started).toEqual([false, true, false, true, false, false]);
    expect(traces.start(undefined, "other")).toEqual(context);
    expect(ratios).toEqual([0, 1, 0, 1, 0.25]);
  });

  it("traces nothing that is off, whatever the caller decided", () => {
    const recorder = recorderOf([]);
    const settings = new TraceSettings(recorder, null);
    settings.update("", { trace_level: ["OFF"] });
    const traces = new QueryTraces({ recorder, clock: systemClock, settings, file: null });
    expect(traces.start(formatTraceparent(context), "mlp")).toBeNull();
  });
});
