import { create } from "@bufbuild/protobuf";
import { ArchitectureSchema } from "@infaas/api";
import type { CatalogModel } from "../view/catalog";
import { modelConfig } from "./model-config";

const configOf = (fields: { batchable: boolean; unbatchableReason?: string; batchingNote?: string }) => {
  const architecture = create(ArchitectureSchema, { name: "net", ...fields });
  const model: CatalogModel = {
    name: "net",
    target: { kind: "architecture", name: "net" },
    version: "1",
    variants: [],
    architecture,
    batched: fields.batchable,
    maxBatch: fields.batchable ? 8 : 0,
    loadOverride: null,
  };
  return modelConfig("net", model);
};

describe("modelConfig", () => {
  it("says why a model is not batched", () => {
    const config = configOf({ batchable: false, unbatchableReason: "input h has a first axis fixed at 1" });
    expect(config.maxBatchSize).toBe(0);
    expect(config.parameters).toEqual({
      unbatchable_reason: { stringValue: "input h has a first axis fixed at 1" },
    });
  });

  it("says what was overridden to batch it, and nothing of one that simply is batchable", () => {
    const batchingNote = "batched because its owner says so, although output y differs";
    expect(configOf({ batchable: true, batchingNote }).parameters).toEqual({
      batching_note: { stringValue: batchingNote },
    });
    expect(configOf({ batchable: true }).parameters).toEqual({});
  });
});
