import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type LoadOverrideSchema, type Variant, VariantSchema } from "../gen/infaas/v1/types_pb";
import { loadedVariant, sameOverride } from "./load-override";

const variant = (loadOverride?: MessageInitShape<typeof LoadOverrideSchema>): Variant =>
  create(VariantSchema, {
    maxBatch: 8,
    concurrency: 2,
    profile: { saturationPerSecond: 100, peakMemoryBytes: 1000n },
    ...(loadOverride === undefined ? {} : { loadOverride }),
  });

describe("loadedVariant", () => {
  it("is the record where nothing was overridden", () => {
    const record = variant();
    expect(loadedVariant(record)).toBe(record);
  });

  it("has no larger batches than were measured", () => {
    expect(loadedVariant(variant({ maxBatch: 4 })).maxBatch).toBe(4);
    expect(loadedVariant(variant({ maxBatch: 64 })).maxBatch).toBe(8);
    expect(loadedVariant(variant({ concurrency: 1 })).maxBatch).toBe(8);
  });

  it("limits free axes as they are called, by name or by place, and no others", () => {
    const axisLimits = [
      { name: "length", places: [{ input: "ids", axis: 1 }], measured: 64n, max: 4096n },
      { name: "x.2", places: [{ input: "x", axis: 2 }], measured: 8n, max: 32n },
    ];
    const limitsOf = (stated: Record<string, bigint>) =>
      loadedVariant(
        create(VariantSchema, { axisLimits, loadOverride: { axisLimits: stated } }),
      ).axisLimits.map(({ max, stated: said }) => [max, said]);
    expect(limitsOf({ "ids.1": 100n, width: 9n })).toEqual([
      [100n, true],
      [32n, false],
    ]);
    expect(limitsOf({ length: 8192n, "x.2": 9n })).toEqual([
      [8192n, true],
      [9n, true],
    ]);
  });

  it.each([
    [4, 200, 2000n],
    [1, 50, 1000n],
  ])("with %s batches at once answers %s rows a second in %s bytes", (concurrency, perSecond, bytes) => {
    const { profile, concurrency: has } = loadedVariant(variant({ concurrency }));
    expect([has, profile?.saturationPerSecond, profile?.peakMemoryBytes]).toEqual([
      concurrency,
      perSecond,
      bytes,
    ]);
  });
});

describe("sameOverride", () => {
  it("compares what is said, not where", () => {
    const of = (fields: MessageInitShape<typeof LoadOverrideSchema>) => variant(fields).loadOverride;
    expect(sameOverride(of({ maxBatch: 4 }), of({ maxBatch: 4 }))).toBe(true);
    expect(sameOverride(of({ maxBatch: 4 }), of({ maxBatch: 5 }))).toBe(false);
    expect(sameOverride(of({ maxBatch: 4 }), undefined)).toBe(false);
    expect(sameOverride(undefined, undefined)).toBe(true);
  });
});
