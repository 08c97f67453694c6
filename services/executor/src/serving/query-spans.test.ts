import { type SpanRecorder, systemClock } from "@infaas/runtime";
import type { EngineAnswer } from "../engines/engine-port";
import { QuerySpans } from "./query-spans";

type Recorded = Parameters<SpanRecorder["record"]>[0];

function setUp() {
  const recorded: Recorded[] = [];
  let ids = 0;
  const tracer: SpanRecorder = {
    records: true,
    sampleRatio: 0,
    start: () => null,
    child: (context) => {
      ids += 1;
      return { ...context, spanId: `s${ids}` };
    },
    record: (span) => recorded.push(span),
  };
  const spans = new QuerySpans({ ...systemClock, epochMs: () => 1_000 }, tracer);
  const named = (name: string) => recorded.filter((span) => span.name === name);
  return { spans, recorded, named };
}

function answer(batchId: number): EngineAnswer {
  const times = { queueMs: 4, gatherMs: 1, runMs: 10, scatterMs: 2 };
  return { outputs: [], outputDims: [], batchSize: 3, batchId, ...times, release: () => undefined };
}

function query(traceId: string, variant = "v") {
  return { trace: { traceId, spanId: "caller", sampled: true }, variant, rows: 1, executorMs: 20, agoMs: 0 };
}

describe("QuerySpans", () => {
  it("puts the stages one after another below execute, and execute below the caller", () => {
    const { spans, named } = setUp();
    spans.record(query("t1"), answer(1));
    const [execute] = named("execute");
    expect(execute).toMatchObject({ parentSpanId: "caller", startEpochMs: 980, endEpochMs: 1_000 });
    const times = ["queue", "gather", "run", "scatter"].map((name) => {
      const [span] = named(name);
      expect(span?.parentSpanId).toBe(execute?.context.spanId);
      return [span?.startEpochMs, span?.endEpochMs];
    });
    expect(times).toEqual([
      [983, 987],
      [987, 988],
      [988, 998],
      [998, 1_000],
    ]);
  });

  it("records one batch for queries that shared it, and links both runs to it", () => {
    const { spans, named } = setUp();
    spans.record(query("t1"), answer(1));
    spans.record(query("t2"), answer(1));
    const batches = named("batch");
    expect(batches).toHaveLength(1);
    expect(named("run").map((run) => run.links)).toEqual([[batches[0]?.context], [batches[0]?.context]]);
    expect(named("run")[1]?.context.traceId).toBe("t2");
  });

  it("records another batch for the next one", () => {
    const { spans, named } = setUp();
    spans.record(query("t1"), answer(1));
    spans.record(query("t2"), answer(2));
    expect(named("batch")).toHaveLength(2);
  });

  it("dates what never passed through JavaScript back to when it was answered, one batch for those that shared it", () => {
    const { spans, named } = setUp();
    spans.record(query("t0"), answer(7));
    const times = { ...answer(7), rows: 1, executorMs: 20 };
    const traces = ["t1", "t2"].map((traceId) => ({ ...times, traceId, spanId: "caller", agoMs: 100 }));
    spans.recordDirect("v", { servedRows: 2, refused: 0, batches: [], traces, tracesLost: 3 });
    const executed = named("execute").slice(1);
    expect(executed.map((span) => span.context.traceId)).toEqual(["t1", "t2"]);
    for (const span of executed) expect(span).toMatchObject({ startEpochMs: 880, endEpochMs: 900 });
    expect(named("batch")).toHaveLength(2);
    expect([spans.takeLost(), spans.takeLost()]).toEqual([3, 0]);
  });

  it("tells batches of two variants apart that have the same number", () => {
    const { spans, named } = setUp();
    spans.record(query("t1", "v"), answer(1));
    spans.record(query("t2", "w"), answer(1));
    expect(named("batch")).toHaveLength(2);
  });
});
