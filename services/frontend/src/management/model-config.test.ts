import { create } from "@bufbuild/protobuf";
import { ArchitectureSchema, BatchingCertificate } from "@infaas/api";
import type { CatalogModel } from "../view/catalog";
import { modelConfig } from "./model-config";

const configOf = (fields: {
  batchable: boolean;
  unbatchableReason?: string;
  batchingNote?: string;
  batchingCertificate?: BatchingCertificate;
}) => {
  const architecture = create(ArchitectureSchema, { name: "net", ...fields });
  const model: CatalogModel = {
    name: "net",
    target: { kind: "architecture", name: "net" },
    version: "1",
    variants: [],
    architecture,
    tensors: architecture,
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
      batching: { stringValue: "alone" },
      unbatchable_reason: { stringValue: "input h has a first axis fixed at 1" },
    });
  });

  it("says what was overridden to batch it", () => {
    const batchingNote = "batched because its owner says so, although output y differs";
    const batchingCertificate = BatchingCertificate.OWNER;
    expect(configOf({ batchable: true, batchingNote, batchingCertificate }).parameters).toEqual({
      batching: { stringValue: "owner" },
      batching_note: { stringValue: batchingNote },
    });
  });

  it.each([
    ["proven", BatchingCertificate.PROVEN],
    ["probed", BatchingCertificate.UNSPECIFIED],
  ])("says that batches are %s", (stringValue, batchingCertificate) => {
    expect(configOf({ batchable: true, batchingCertificate }).parameters).toEqual({
      batching: { stringValue },
    });
  });
});
