import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type * as policy from "@infaas/policy";
import fc from "fast-check";
import { type Objective, SloSchema, type Variant, VariantSchema, Verdict } from "../gen/infaas/v1/types_pb";
import { explanationToWire, sloFromWire, sloToWire, variantFromWire, variantToWire } from "./convert";

const above0 = fc.double({ min: 0.001, max: 1e9, noNaN: true });
const count = fc.integer({ min: 1, max: 1_000 });
const point = (batch: number) =>
  fc.record({ batch: fc.constant(batch), p50Ms: above0, p95Ms: above0, p99Ms: above0 });

const variant: fc.Arbitrary<policy.Variant> = fc.record({
  name: fc.string({ minLength: 1 }),
  architecture: fc.string(),
  task: fc.string(),
  version: count,
  engine: fc.string(),
  deviceKind: fc.constantFrom("cpu" as const, "cuda" as const, "host" as const),
  precision: fc.constantFrom("fp32" as const, "fp16" as const, "int8" as const),
  threads: count,
  concurrency: count,
  maxBatch: count,
  batching: fc.constantFrom("proven" as const, "probed" as const, "owner" as const, "alone" as const),
  accuracy: fc.option(
    fc.record({
      value: fc.double({ min: 0, max: 1, noNaN: true }),
      metric: fc.string(),
      dataset: fc.string(),
      sampleCount: fc.nat(),
      origin: fc.constantFrom("measured" as const, "declared" as const),
    }),
  ),
  profile: fc.record({
    points: fc.tuple(point(1), point(4), point(32)),
    fit: fc.record({ alphaMs: above0, betaMs: above0, worstResidualMs: above0 }),
    loadMs: above0,
    peakMemoryBytes: fc.nat(),
    saturationPerSecond: above0,
    hostType: fc.string(),
  }),
});

const slo: fc.Arbitrary<policy.Slo> = fc.record({
  latencyMs: fc.option(above0),
  minAccuracy: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
  maxCostUsd: fc.option(above0),
  objective: fc.constantFrom("min-cost" as const, "max-accuracy" as const),
  noDowngrade: fc.boolean(),
  deterministic: fc.boolean(),
});

describe("variantToWire and variantFromWire", () => {
  it("round-trip over the wire", () => {
    fc.assert(
      fc.property(variant, (value) => {
        const bytes = toBinary(VariantSchema, create(VariantSchema, variantToWire(value)));
        expect(variantFromWire(fromBinary(VariantSchema, bytes))).toEqual({ ok: true, value });
      }),
      { seed: 3 },
    );
  });

  const sound = create(VariantSchema, variantToWire(fc.sample(variant, { numRuns: 1, seed: 4 })[0]!));
  const faulty = (change: (v: Variant) => void): unknown => {
    const copy = clone(VariantSchema, sound);
    copy.name = "v";
    change(copy);
    return variantFromWire(copy);
  };
  it.each<[string, (v: Variant) => void, string]>([
    ["a name", (v) => Object.assign(v, { name: "" }), "variant has no name"],
    ["a device", (v) => Object.assign(v, { deviceKind: 0 }), "variant v: device_kind is missing"],
    ["threads", (v) => Object.assign(v, { threads: 0 }), "variant v: threads is 0, allowed is more than 0"],
    ["a profile", (v) => Object.assign(v, { profile: undefined }), "variant v: profile is missing"],
    ["points", (v) => v.profile?.points.splice(0), "variant v: profile has no points"],
  ])("name the fault when %s is missing", (_name, change, fault) => {
    expect(faulty(change)).toEqual({ ok: false, fault });
  });
});

describe("sloToWire and sloFromWire", () => {
  it("round-trip over the wire", () => {
    fc.assert(
      fc.property(slo, (value) => {
        const bytes = toBinary(SloSchema, sloToWire(value));
        expect(sloFromWire(fromBinary(SloSchema, bytes))).toEqual({ ok: true, value });
      }),
      { seed: 5 },
    );
  });

  it("read an absent message as no requirement", () => {
    expect(sloFromWire(undefined)).toEqual({
      ok: true,
      value: {
        latencyMs: null,
        minAccuracy: null,
        maxCostUsd: null,
        objective: "min-cost",
        noDowngrade: false,
        deterministic: false,
      },
    });
  });

  it.each([
    [{ latencyMs: -1 }, "latency_ms is -1, allowed is more than 0"],
    [{ minAccuracy: Number.NaN }, "min_accuracy is NaN, allowed is 0 or more"],
    [{ objective: 9 as Objective }, "objective is 9, allowed are 0 to 3"],
  ])("refuse %p", (init, fault) => {
    expect(sloFromWire(create(SloSchema, init))).toEqual({ ok: false, fault });
  });
});

describe("explanationToWire", () => {
  const candidate = { variant: "v", executor: "", verdict: "outranked", value: 2, limit: 1 } as const;
  const decision = { kind: "unknown", name: "x" } as const;
  const explained = { decision, summary: "why", candidates: [candidate], marginMs: 3, omitted: 4 };

  it("gives every verdict its number, and the figures as they are", () => {
    expect(explanationToWire(explained)).toMatchObject({
      summary: "why",
      candidates: [{ ...candidate, verdict: Verdict.OUTRANKED }],
      marginMs: 3,
      omitted: 4,
    });
  });

  it("leaves an unknown margin out", () => {
    expect(explanationToWire({ ...explained, marginMs: null }).marginMs).toBeUndefined();
  });
});
