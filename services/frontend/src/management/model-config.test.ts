import { create } from "@bufbuild/protobuf";
import { ArchitectureSchema, AxisLimitSchema, BatchingCertificate } from "@infaas/api";
import type { Variant } from "@infaas/policy";
import type { CatalogModel } from "../view/catalog";
import { modelConfig } from "./model-config";

const variantNamed = (name: string): Variant => {
  const fit = { alphaMs: 0, betaMs: 1, worstResidualMs: 0 };
  const figures = { loadMs: 1, peakMemoryBytes: 1, saturationPerSecond: 1, hostType: "local" };
  return {
    name,
    architecture: "net",
    task: "t",
    version: 1,
    engine: "onnxruntime",
    deviceKind: "cpu",
    precision: "fp32",
    threads: 1,
    concurrency: 1,
    maxBatch: 8,
    accuracy: null,
    profile: { points: [{ batch: 1, p50Ms: 1, p95Ms: 1, p99Ms: 1 }], fit, ...figures },
  };
};

const configOf = (
  fields: {
    batchable: boolean;
    unbatchableReason?: string;
    batchingNote?: string;
    batchingCertificate?: BatchingCertificate;
    inputs?: { name: string; datatype: string; shape: bigint[]; optional?: boolean; anyRank?: boolean }[];
  },
  ended: readonly string[] = [],
) => {
  const architecture = create(ArchitectureSchema, { name: "net", ...fields });
  const model: CatalogModel = {
    name: "net",
    target: { kind: "architecture", name: "net" },
    version: "1",
    variants: ended.map(variantNamed),
    architecture,
    tensors: architecture,
    requiredInputs: architecture.inputs.filter(({ optional }) => !optional),
    unprofiledReason: null,
    batched: fields.batchable,
    maxBatch: fields.batchable ? 8 : 0,
    loadOverride: null,
    axisLimits: new Map(ended.map((name) => [name, limits])),
    adapted: new Map(),
    batchingEnded: new Map([...ended, "another"].map((name) => [name, "rows met"])),
  };
  return modelConfig("net", model);
};

const limits = [
  create(AxisLimitSchema, { name: "length", measured: 64n, max: 4096n }),
  create(AxisLimitSchema, { name: "width", measured: 8n, max: 9n, stated: true }),
];

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

  it("says how large free axes may be, of which variants batching has ended, and why", () => {
    const told = configOf({ batchable: true, batchingCertificate: BatchingCertificate.OWNER }, ["net-b8"]);
    expect(told.parameters).toEqual({
      batching: { stringValue: "owner" },
      axis_limits: { stringValue: "length up to 4096, measured with 64, width up to 9, as stated" },
      batching_ended: { stringValue: "net-b8: rows met" },
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

  it("tells which inputs may be left out, with their whole shape", () => {
    const inputs = [
      { name: "x", datatype: "FP32", shape: [-1n, 2n] },
      { name: "s", datatype: "FP32", shape: [1n], optional: true },
    ];
    expect(configOf({ batchable: true, inputs }).input).toMatchObject([
      { name: "x", dims: [2n], optional: false },
      { name: "s", dims: [1n], optional: true },
    ]);
  });

  it("names inputs of any number of axes", () => {
    const inputs = [{ name: "x", datatype: "FP32", shape: [-1n], anyRank: true }];
    const config = configOf({ batchable: false, unbatchableReason: "r", inputs });
    expect(config.input).toMatchObject([{ name: "x", dims: [-1n] }]);
    expect(config.parameters).toMatchObject({ any_rank: { stringValue: "x" } });
  });
});
