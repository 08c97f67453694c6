import { fieldsAt, startOtlpReceiver, textsAt } from "../testing/otlp-receiver";
import { createTelemetry } from "./create-telemetry";
import { Histogram } from "./histogram";
import { formatTraceparent, parseTraceparent } from "./trace-context";

const options = { service: "infaas-test", instance: "t1", sampleRatio: 1, metricPeriodMs: 50 };

/** resource_metrics / scope_metrics / metrics. */
const metric = [1, 2, 2];
/** resource_spans / scope_spans / spans. */
const span = [1, 2, 2];

/** The doubles of the metric of that name: as_double of the data points of its gauge or sum. */
function valuesOf(request: Uint8Array, name: string): number[] | null {
  const found = fieldsAt(request, metric).filter(
    (m): m is Uint8Array => typeof m !== "number" && textsAt(m, [1])[0] === name,
  );
  if (found.length === 0) return null;
  return found.flatMap((m) => [...fieldsAt(m, [5, 1, 4]), ...fieldsAt(m, [7, 1, 4])]).map(Number);
}

describe("createTelemetry", () => {
  it("exports observed values to targets that are added while it runs, and stops when they are removed", async () => {
    const [first, second] = await Promise.all([startOtlpReceiver(), startOtlpReceiver()]);
    const telemetry = createTelemetry({ ...options, otlpEndpoint: null });
    let load = 0.25;
    telemetry.meter
      .createObservableGauge("infaas.executor.utilisation")
      .addCallback((result) => result.observe(load, { executor: "e1" }));
    telemetry.addMetricTarget(first.address);
    expect(await first.metrics((r) => valuesOf(r, "infaas.executor.utilisation"))).toEqual([0.25]);
    const service = await first.metrics((r) => textsAt(r, [1, 1, 1, 2, 1]));
    expect(service).toEqual(expect.arrayContaining(["infaas-test", "t1"]));

    load = 0.75;
    telemetry.addMetricTarget(second.address);
    telemetry.addMetricTarget(second.address);
    const later = (r: Uint8Array) => {
      const values = valuesOf(r, "infaas.executor.utilisation");
      return values?.[0] === 0.75 ? values : null;
    };
    await Promise.all([first.metrics(later), second.metrics(later)]);

    telemetry.removeMetricTarget(first.address);
    const before = first.metricExports;
    const now = second.metricExports;
    let seen = 0;
    await second.metrics(() => {
      seen += 1;
      return seen >= now + 4 ? true : null;
    });
    expect(first.metricExports - before).toBeLessThanOrEqual(1);
    await telemetry.shutdown();
    await Promise.all([first.stop(), second.stop()]);
  });

  it("no longer exports the gauge of what is there no longer", async () => {
    const receiver = await startOtlpReceiver();
    const telemetry = createTelemetry({ ...options, otlpEndpoint: receiver.address });
    const instances = new Map([
      ["a", 1],
      ["b", 2],
    ]);
    telemetry.meter.createObservableGauge("drain").addCallback((result) => {
      for (const [variant, value] of instances) result.observe(value, { variant });
    });
    const valuesAre = (expected: string) => (r: Uint8Array) =>
      valuesOf(r, "drain")?.join() === expected ? true : null;
    await receiver.metrics(valuesAre("1,2"));
    instances.delete("a");
    await receiver.metrics(valuesAre("2"));
    await telemetry.shutdown();
    await receiver.stop();
  });

  it("keeps exporting to one target while another is away", async () => {
    const gone = await startOtlpReceiver();
    await gone.stop();
    const receiver = await startOtlpReceiver();
    const telemetry = createTelemetry({ ...options, otlpEndpoint: null });
    telemetry.meter.createObservableGauge("g").addCallback((result) => result.observe(1.5));
    telemetry.addMetricTarget(gone.address);
    telemetry.addMetricTarget(receiver.address);
    let exports = 0;
    await receiver.metrics((r) => {
      if (valuesOf(r, "g") !== null) exports += 1;
      return exports >= 5 ? true : null;
    });
    await telemetry.shutdown();
    await receiver.stop();
  });

  it("exports spans made afterwards, with their times, parents, links and errors", async () => {
    const receiver = await startOtlpReceiver();
    const telemetry = createTelemetry({ ...options, otlpEndpoint: receiver.address });
    const { tracer } = telemetry;
    const caller = { traceId: "ab".repeat(16), spanId: "cd".repeat(8), sampled: true };
    const query = tracer.start(formatTraceparent(caller))!;
    const run = tracer.child(query);
    const batch = tracer.start(undefined)!;
    tracer.record({
      name: "query",
      context: query,
      startEpochMs: 1_000.25,
      endEpochMs: 1_010,
      attributes: { rows: 4 },
    });
    tracer.record({
      name: "run",
      context: run,
      parentSpanId: query.spanId,
      startEpochMs: 1_002,
      endEpochMs: 1_008,
      links: [batch],
      error: "out of memory",
    });
    await telemetry.shutdown();
    const spans = await receiver.traces((r) => {
      const all = fieldsAt(r, span).filter((s): s is Uint8Array => typeof s !== "number");
      return all.length === 2 ? all : null;
    });
    const hex = (s: Uint8Array, path: number[]) =>
      fieldsAt(s, path).map((v) => (typeof v === "number" ? "" : Buffer.from(v).toString("hex")));
    const [first, second] = spans as [Uint8Array, Uint8Array];
    expect([textsAt(first, [5]), textsAt(second, [5])]).toEqual([["query"], ["run"]]);
    expect([hex(first, [1]), hex(second, [1])]).toEqual([[caller.traceId], [caller.traceId]]);
    expect([hex(first, [4]), hex(second, [4])]).toEqual([[caller.spanId], [query.spanId]]);
    expect(hex(second, [13, 2])).toEqual([batch.spanId]);
    expect(textsAt(second, [15, 2])).toEqual(["out of memory"]);
    expect(textsAt(first, [9, 1])).toEqual(["rows"]);
    await receiver.stop();
  });

  it("exports histograms that their owner counts", async () => {
    const receiver = await startOtlpReceiver();
    const telemetry = createTelemetry({ ...options, otlpEndpoint: receiver.address });
    const histogram = new Histogram([1, 2]);
    for (const value of [1, 1.5, 9]) histogram.observe(value);
    telemetry.addHistogram({ name: "h", unit: "s", description: "a test" }, () => [
      { attributes: { task: "t" }, histogram },
    ]);
    const sums = await receiver.metrics((r) => {
      const found = fieldsAt(r, metric).find((m) => typeof m !== "number" && textsAt(m, [1])[0] === "h");
      return found === undefined || typeof found === "number" ? null : fieldsAt(found, [9, 1, 5]);
    });
    expect(sums).toEqual([11.5]);
    await telemetry.shutdown();
    await receiver.stop();
  });

  it("ends in time when its collector is away", async () => {
    const gone = await startOtlpReceiver();
    await gone.stop();
    const telemetry = createTelemetry({ ...options, otlpEndpoint: gone.address });
    const context = telemetry.tracer.start(undefined)!;
    telemetry.tracer.record({ name: "lost", context, startEpochMs: 1, endEpochMs: 2 });
    await telemetry.shutdown();
  });
});

describe("SpanRecorder.start", () => {
  it("lets the caller's decision win, and the ratio decide otherwise", async () => {
    const none = createTelemetry({ ...options, otlpEndpoint: "127.0.0.1:1", sampleRatio: 0 });
    const all = createTelemetry({ ...options, otlpEndpoint: "127.0.0.1:1", sampleRatio: 1 });
    const id = { traceId: "12".repeat(16), spanId: "34".repeat(8) };
    expect(none.tracer.start(undefined)).toBeNull();
    expect(none.tracer.start(formatTraceparent({ ...id, sampled: true }))).toMatchObject({
      traceId: id.traceId,
      parentSpanId: id.spanId,
      sampled: true,
    });
    expect(all.tracer.start(formatTraceparent({ ...id, sampled: false }))).toBeNull();
    expect(all.tracer.start("nonsense")).toMatchObject({ sampled: true });
    await Promise.all([none.shutdown(), all.shutdown()]);
  });
});

describe("parseTraceparent", () => {
  const ids = `${"1a".repeat(16)}-${"2b".repeat(8)}`;
  it.each([
    [`00-${ids}-01`, true],
    [`00-${ids}-00`, false],
    [`42-${ids}-03-more`, true],
  ])("reads %s", (header, sampled) => {
    expect(parseTraceparent(header)).toEqual({ traceId: "1a".repeat(16), spanId: "2b".repeat(8), sampled });
  });

  it.each([
    "",
    "00-short-01",
    `ff-${ids}-01`,
    `00-${ids}-01-more`,
    `00-${"0".repeat(32)}-${"2b".repeat(8)}-01`,
    `00-${"1a".repeat(16)}-${"0".repeat(16)}-01`,
    `00-${ids.toUpperCase()}-01`,
  ])("declines '%s'", (header) => {
    expect(parseTraceparent(header)).toBeNull();
  });
});
