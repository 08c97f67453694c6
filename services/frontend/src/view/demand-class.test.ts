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
    expect(demandClass("t", { ...NO_SLO, minAccuracy }, 1).minAccuracy).toBe(rounded);
  });

  it.each([
    [50, 38.44],
    [57.6, 38.44],
    [58, 57.67],
    [1, 1],
    [0.57, 0.4444],
    [null, null],
  ])("puts the objective %p into the bucket from %p", (latencyMs, from) => {
    expect(demandClass("t", { ...NO_SLO, latencyMs }, 1).latencyFromMs).toBe(from);
  });

  it.each([
    [1, 1],
    [7, 4],
    [8, 8],
    [1_000_000, 524_288],
  ])("puts %p rows into the bucket from %p", (rows, from) => {
    expect(demandClass("t", NO_SLO, rows).rowsFrom).toBe(from);
  });

  it.each([
    {},
    { minAccuracy: 0.98, objective: "max-accuracy" as const },
    { latencyMs: 50, maxCostUsd: 0.0123, noDowngrade: true },
  ])("of %p is read back from the attributes that it is told by, and no other's", (asked) => {
    const one = demandClass("digits/uci", { ...NO_SLO, ...asked }, 64);
    expect(demandClassFrom(attributesOf(demandAttributes(one)))).toEqual(one);
    for (const other of [{ latencyFromMs: 7 }, { noDowngrade: !one.noDowngrade }, { rowsFrom: 1 }])
      expect(demandKey(one)).not.toBe(demandKey({ ...one, ...other }));
  });

  it.each([
    { objective: "cheapest" },
    { accuracy: "high" },
    { latency_ms: "" },
    { rows: "0" },
    { downgrade: "no" },
  ])("reads no class where attributes say %p", (wrong) => {
    const told = { ...demandAttributes(demandClass("t", NO_SLO, 1)), ...wrong };
    expect(demandClassFrom(attributesOf(told))).toBeNull();
  });
});
