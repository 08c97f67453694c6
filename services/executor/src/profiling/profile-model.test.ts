import { readdir, readFile } from "node:fs/promises";
import { create } from "@bufbuild/protobuf";
import {
  AccuracyOrigin,
  Precision,
  type RegistrationProgress,
  type RegistrationResult,
  TaskSchema,
} from "@infaas/api";
import { constantTensor, createNode, ElementType } from "@infaas/onnx";
import { denseModel, fixtureModel } from "@infaas/onnx/testing/dense-models";
import { largestDifference } from "../engines/tensor-difference";
import { answer, EXAMPLES, ProfilingBench, WIDTH } from "../testing/profiling-bench";

describe("profileModel", () => {
  let bench: ProfilingBench;

  beforeAll(async () => {
    bench = await ProfilingBench.open();
  });
  afterAll(() => bench.close());

  describe("of a model whose rows may share a batch", () => {
    let result: RegistrationResult;
    let steps: RegistrationProgress[];
    beforeAll(async () => {
      const model = denseModel([WIDTH, 512, 256, 10]);
      ({ result, steps } = await bench.register(model, await bench.taskAnsweredBy(model, 10), { cores: 2 }));
    });

    it("makes a variant for every way to use the cores, in both precisions", () => {
      expect(result.architecture).toMatchObject({ name: "net", batchable: true, unbatchableReason: "" });
      expect(result.architecture?.inputs[0]).toMatchObject({
        name: "x",
        datatype: "FP32",
        shape: [-1n, 64n],
      });
      expect(result.rejected).toEqual([]);
      const kinds = result.variants.map(({ precision, threads, concurrency }) => ({
        precision,
        threads,
        concurrency,
      }));
      for (const precision of [Precision.FP32, Precision.INT8]) {
        expect(kinds).toContainEqual({ precision, threads: 1, concurrency: 2 });
        expect(kinds).toContainEqual({ precision, threads: 2, concurrency: 1 });
      }
      expect(new Set(result.variants.map(({ name }) => name)).size).toBe(result.variants.length);
      expect(result.variants.map(({ name }) => name)).toContain("net.v3.onnxruntime-cpu-fp32-t1-b1");
    });

    it("measures each up to its largest batch, and how often it is right", () => {
      for (const { profile, maxBatch, precision, accuracy } of result.variants) {
        expect(profile?.points.at(-1)?.batch).toBe(maxBatch);
        for (const { p50Ms, p95Ms, p99Ms } of profile?.points ?? []) {
          expect(p50Ms).toBeGreaterThan(0);
          expect(p95Ms).toBeGreaterThanOrEqual(p50Ms);
          expect(p99Ms).toBeGreaterThanOrEqual(p95Ms);
        }
        expect(profile).toMatchObject({
          hostType: "test-host",
          hostCores: 2,
          engineVersion: "onnxruntime test",
        });
        expect(profile?.loadMs).toBeGreaterThan(0);
        expect(profile?.saturationPerSecond).toBeGreaterThan(0);
        expect(Number(profile?.peakMemoryBytes)).toBeGreaterThan(0);
        expect(accuracy).toMatchObject({ origin: AccuracyOrigin.MEASURED, sampleCount: EXAMPLES });
        expect(accuracy?.value).toBeGreaterThanOrEqual(precision === Precision.FP32 ? 1 : 0.95);
      }
    });

    it("tells each step before it begins, and how many there are", () => {
      const stages = steps.map(({ stage }) => stage);
      expect(stages.slice(0, 5)).toEqual(["load", "inspect", "accuracy", "profile", "profile"]);
      expect(steps.map(({ done }) => done)).toEqual(steps.map((_, index) => index));
      expect(steps.length).toBe(steps[0]?.total);
    });

    it("uploads the int8 file, names it in its variants and leaves nothing behind", async () => {
      const full = result.variants.find(({ precision }) => precision === Precision.FP32)!;
      const int8 = result.variants.find(({ precision }) => precision === Precision.INT8)!;
      expect(full.modelDigest).toBe(result.architecture?.modelDigest);
      const fullFile = await readFile(bench.pathOf(full.modelDigest));
      const int8File = await readFile(bench.pathOf(int8.modelDigest));
      expect(int8File.length).toBeLessThan(fullFile.length / 2);
      expect(await readdir(bench.scratchDir)).toEqual([]);
    });

    it("records a golden row that the very file answers within its tolerance", async () => {
      const files = new Map(result.variants.map((variant) => [variant.modelDigest, variant]));
      for (const [digest, { goldenInputs, goldenOutputs, goldenTolerance }] of files) {
        const [output] = await answer(bench.pathOf(digest), goldenInputs[0]!, 1);
        expect(largestDifference("FP32", output!, goldenOutputs[0]!)).toBeLessThanOrEqual(goldenTolerance);
      }
    });
  });

  it("rejects int8 that loses more accuracy than allowed, with both numbers", async () => {
    const model = denseModel([WIDTH, 512, 256, 10]);
    const { result } = await bench.register(model, await bench.taskAnsweredBy(model, 10), {
      accuracyTolerance: -0.5,
    });
    expect(result.variants.every(({ precision }) => precision === Precision.FP32)).toBe(true);
    expect(result.rejected).toEqual([
      expect.objectContaining({
        name: "net.v3.onnxruntime-cpu-int8",
        reason: expect.stringMatching(/^accuracy falls from 1.0000 to \d.\d{4}; a loss of -0.5 is allowed$/),
      }),
    ]);
  });

  it("makes int8 for single rows alone where all of it comes after a sum over an axis, and says why", async () => {
    const teacher = denseModel([WIDTH, 10]);
    const dense = denseModel([WIDTH, 512, 10]);
    const nodes = [
      createNode("Unsqueeze", { inputs: ["x", "one"], outputs: ["u"] }),
      createNode("ReduceSum", { inputs: ["u", "one"], outputs: ["s"] }, { keepdims: 0 }),
      ...dense.graph.node.map((node) => ({
        ...node,
        input: node.input.map((name) => (name === "x" ? "s" : name)),
      })),
    ];
    const one = constantTensor("one", [1], Int32Array.of(1, 0));
    const constants = [...dense.graph.initializer, { ...one, dataType: ElementType.int64 }];
    const model = fixtureModel({ nodes, constants, input: ["N", WIDTH], output: ["N", 10] });
    const { result } = await bench.register(model, await bench.taskAnsweredBy(teacher, 10), {
      accuracyTolerance: 1,
    });
    const int8 = result.variants.filter(({ precision }) => precision === Precision.INT8);
    expect(int8.map(({ maxBatch }) => maxBatch)).toEqual([1]);
    expect(result.rejected).toEqual([
      expect.objectContaining({
        name: "net.v3.onnxruntime-cpu-int8 with batches",
        reason: expect.stringMatching(/: 2 of 2; none of them may be batched$/),
      }),
    ]);
  });

  it("profiles without a validation set, with no accuracy and no int8", async () => {
    const { result } = await bench.register(denseModel([WIDTH, 10]), create(TaskSchema, { name: "toy" }));
    expect(result.variants.every(({ accuracy }) => accuracy === undefined)).toBe(true);
    expect(result.rejected.map(({ reason }) => reason)).toEqual([
      "no validation set to calibrate on and to measure the loss with",
    ]);
  });
});
