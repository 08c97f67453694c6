import { NO_SLO } from "../query/requirements";
import { demandClass, demandKey } from "./demand-class";
import { demandAttributes, demandClassFrom } from "./demand-metrics";

const attributesOf = (attributes: Readonly<Record<string, string>>) =>
  Object.entries(attributes).map(([key, text]) => ({
    $typeName: "opentelemetry.proto.common.v1.KeyValue" as const,
    key,
    value: {
      $typeName: "opentelemetry.proto.common.v1.AnyValue" as const,
      value: { case: "stringValue" as const, value: text },
    },
  }));

describe("demandClass", () => {
  it.each([
    [0.985, 0.985],
    [0.98501, 0.986],
    [1, 1],
    [0, 0],
    [null, null],
  ])("rounds the floor %p up to %p", (minAccuracy, rounded) => {
    expect(demandClass("t", { ...NO_SLO, minAccuracy }).minAccuracy).toBe(rounded);
  });

  it.each([
    [50, 50],
    [9_998.7, 9_900],
    [0.57, 0.57],
    [47.9, 47],
    [1, 1],
    [null, null],
  ])("rounds the latency %p down to %p", (latencyMs, rounded) => {
    expect(demandClass("t", { ...NO_SLO, latencyMs }).latencyMs).toBe(rounded);
  });

  it("is read back from the attributes that it is told by", () => {
    const one = demandClass("digits/uci", { ...NO_SLO, minAccuracy: 0.98, objective: "max-accuracy" });
    expect(demandClassFrom(attributesOf(demandAttributes(one)))).toEqual(one);
    expect(demandKey(one)).not.toBe(demandKey({ ...one, latencyMs: 50 }));
  });

  it.each([{ objective: "cheapest" }, { accuracy: "high" }, { latency_ms: "" }])(
    "reads no class where attributes say %p",
    (wrong) => {
      const told = { ...demandAttributes(demandClass("t", NO_SLO)), ...wrong };
      expect(demandClassFrom(attributesOf(told))).toBeNull();
    },
  );
});
