import { create } from "@bufbuild/protobuf";
import { DeviceKind, RegisterModelResponseSchema, VariantSchema, Verdict } from "@infaas/api";
import { CandidateSchema } from "@infaas/api/messages";
import { documentOf, messageSchema } from "./json-schema";
import { jsonText } from "./json-text";

const printed = (value: unknown) => JSON.parse(jsonText(value));

describe("jsonText", () => {
  it("tells enums by name, 64-bit integers as numbers and of bytes their count", () => {
    const variant = create(VariantSchema, {
      deviceKind: DeviceKind.CPU,
      goldenInputs: [new Uint8Array(3)],
      goldenInputShapes: [{ dims: [1n, 3n] }],
    });
    expect(printed(variant)).toMatchObject({
      deviceKind: "cpu",
      precision: "unspecified",
      goldenInputs: ["3 bytes"],
      goldenInputShapes: [{ dims: [1, 3] }],
    });
    expect(printed([create(CandidateSchema, { verdict: Verdict.ACCURACY_BELOW_FLOOR })])).toMatchObject([
      { verdict: "accuracy_below_floor" },
    ]);
  });

  it("leaves a number that this release has no name for", () => {
    expect(printed(create(CandidateSchema, { verdict: 99 as Verdict }))).toMatchObject({ verdict: 99 });
  });

  it("tells a choice by what was chosen", () => {
    const event = { case: "progress", value: { stage: "load" } } as const;
    expect(printed(create(RegisterModelResponseSchema, { event }))).toEqual({
      progress: { stage: "load", variant: "", done: 0, total: 0, message: "" },
    });
  });

  it("keeps what an object has beside a message's fields", () => {
    expect(printed({ ...create(CandidateSchema, {}), note: 1n })).toMatchObject({ variant: "", note: 1 });
  });
});

describe("documentOf", () => {
  it("holds every message that its parts name, once", () => {
    const { $defs, anyOf } = documentOf({ variant: messageSchema(VariantSchema) });
    expect(anyOf).toEqual([{ $ref: "#/$defs/variant" }]);
    expect(Object.keys($defs as object)).toEqual(
      expect.arrayContaining(["variant", "infaas.v1.Variant", "infaas.v1.Profile", "infaas.v1.BatchLatency"]),
    );
    const text = JSON.stringify($defs);
    for (const [, name = ""] of text.matchAll(/"#\/\$defs\/([^"]+)"/g)) expect($defs).toHaveProperty([name]);
  });
});
