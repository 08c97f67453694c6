import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import {
  AccuracyOrigin,
  Precision,
  ProfileModelRequestSchema,
  type RegistrationProgress,
  type RegistrationResult,
  type Task,
  TaskSchema,
} from "@infaas/api";
import { Code, systemClock } from "@infaas/runtime";
import { nativeEngines } from "../engines/native-engine";
import { largestDifference } from "../engines/tensor-difference";
import { crossRowModel, denseModel, fixtureModel, fixtureRows } from "../testing/dense-models";
import { referenceEngines } from "../testing/onnxruntime-reference";
import type { ProfilePorts } from "./measurement/profile-ports";
import { probeBatchInvariance } from "./onnx/batch-invariance";
import { constantTensor, ElementType } from "./onnx/float-tensor";
import { encodeModel, type OnnxModel } from "./onnx/model-file";
import { ModelRunner, withRunner } from "./onnx/model-runner";
import { createNode } from "./onnx/node";
import { randomRows } from "./onnx/random-rows";
import { profileModel } from "./profile-model";

const WIDTH = 64;
const EXAMPLES = 200;
/** The format's number for strings. */
const STRING = 8;
const HOST = { hostType: "test-host", cores: 2, memoryBytes: 1 << 30 };

/** Artifacts in a folder, by the digest of what they hold. */
class FolderArtifacts {
  constructor(readonly folder: string) {}

  async put(bytes: Uint8Array): Promise<string> {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    await writeFile(this.pathOf(digest), bytes);
    return digest;
  }

  pathOf(digest: string): string {
    return join(this.folder, digest.replace(":", "-"));
  }
}

describe("profileModel", () => {
  let folder = "";
  let scratchDir = "";
  let artifacts: FolderArtifacts;
  let ports: ProfilePorts;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "profile-model-"));
    scratchDir = await mkdtemp(join(tmpdir(), "profile-scratch-"));
    artifacts = new FolderArtifacts(folder);
    ports = {
      fetchModel: async (digest) => artifacts.pathOf(digest),
      storeArtifact: async (path) => artifacts.put(await readFile(path)),
      readArtifact: (digest) => readFile(artifacts.pathOf(digest)),
      engines: nativeEngines,
      engineVersion: "onnxruntime test",
      clock: systemClock,
      host: HOST,
      scratchDir,
    };
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
    await rm(scratchDir, { recursive: true });
  });

  /** A task whose labels are what `model` itself answers, so that its accuracy is known: 1. */
  async function taskAnsweredBy(model: OnnxModel, classes: number): Promise<Task> {
    const examples = fixtureRows(EXAMPLES, WIDTH);
    const path = artifacts.pathOf("sha256:teacher");
    await writeFile(path, encodeModel(model));
    const [output] = await answer(path, examples, EXAMPLES);
    const scores = new Float32Array(Uint8Array.from(output!).buffer);
    const labels = Int32Array.from({ length: EXAMPLES }, (_, row) => {
      const own = [...scores.subarray(row * classes, (row + 1) * classes)];
      return own.indexOf(Math.max(...own));
    });
    return create(TaskSchema, {
      name: "toy/teacher",
      metric: "accuracy",
      validation: {
        dataset: "teacher",
        count: EXAMPLES,
        inputsDigest: await artifacts.put(examples),
        labelsDigest: await artifacts.put(new Uint8Array(labels.buffer)),
      },
    });
  }

  /** What onnxruntime itself answers to `rows` rows run together. */
  async function answer(path: string, inputs: Uint8Array, rows: number): Promise<readonly Uint8Array[]> {
    const limits = { queueRowsMax: rows, queueBytesMax: inputs.byteLength };
    const engine = await referenceEngines.open({
      path,
      threads: 1,
      concurrency: 1,
      maxBatch: rows,
      latency: [],
      ...limits,
    });
    const query = { rows, dims: [[rows, WIDTH]], lane: 0, timeoutMs: null, signal: null };
    const { outputs } = await engine.submit([inputs], query);
    await engine.close();
    return outputs;
  }

  interface RegisterOptions {
    readonly accuracyTolerance?: number;
    readonly cores?: number;
    readonly statedBatchable?: boolean;
    readonly axisSizes?: Record<string, number>;
  }

  async function register(
    model: OnnxModel | Uint8Array,
    task: Task,
    { accuracyTolerance = 0.05, cores = 1, ...stated }: RegisterOptions = {},
  ): Promise<{ result: RegistrationResult; steps: RegistrationProgress[] }> {
    const modelDigest = await artifacts.put(model instanceof Uint8Array ? model : encodeModel(model));
    const architecture = { name: "net", version: 3, task: task.name, modelDigest, accuracyTolerance };
    const steps: RegistrationProgress[] = [];
    const request = create(ProfileModelRequestSchema, { architecture, task, ...stated });
    const world = { ...ports, host: { ...HOST, cores } };
    for await (const { event } of profileModel(request, world)) {
      if (event.case === "progress") steps.push(event.value);
      if (event.case === "result") return { result: event.value, steps };
    }
    throw new Error("ended without a result");
  }

  describe("of a model whose rows may share a batch", () => {
    let result: RegistrationResult;
    let steps: RegistrationProgress[];
    beforeAll(async () => {
      const model = denseModel([WIDTH, 512, 256, 10]);
      ({ result, steps } = await register(model, await taskAnsweredBy(model, 10), { cores: 2 }));
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
      const fullFile = await readFile(artifacts.pathOf(full.modelDigest));
      const int8File = await readFile(artifacts.pathOf(int8.modelDigest));
      expect(int8File.length).toBeLessThan(fullFile.length / 2);
      expect(await readdir(scratchDir)).toEqual([]);
    });

    it("records a golden row that the very file answers within its tolerance", async () => {
      const files = new Map(result.variants.map((variant) => [variant.modelDigest, variant]));
      for (const [digest, { goldenInputs, goldenOutputs, goldenTolerance }] of files) {
        const [output] = await answer(artifacts.pathOf(digest), goldenInputs[0]!, 1);
        expect(largestDifference("FP32", output!, goldenOutputs[0]!)).toBeLessThanOrEqual(goldenTolerance);
      }
    });
  });

  it("rejects int8 that loses more accuracy than allowed, with both numbers", async () => {
    const model = denseModel([WIDTH, 512, 256, 10]);
    const { result } = await register(model, await taskAnsweredBy(model, 10), { accuracyTolerance: -0.5 });
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
    const { result } = await register(model, await taskAnsweredBy(teacher, 10), { accuracyTolerance: 1 });
    const int8 = result.variants.filter(({ precision }) => precision === Precision.INT8);
    expect(int8.map(({ maxBatch }) => maxBatch)).toEqual([1]);
    expect(result.rejected).toEqual([
      expect.objectContaining({
        name: "net.v3.onnxruntime-cpu-int8 with batches",
        reason: expect.stringMatching(/: 2 of 2; none of them may be batched$/),
      }),
    ]);
  });

  it("serves a model whose rows depend on each other one row at a time, and says why", async () => {
    const { result } = await register(crossRowModel(WIDTH), create(TaskSchema, { name: "toy" }));
    expect(result.architecture).toMatchObject({
      batchable: false,
      unbatchableReason: expect.stringContaining("alone and among 2 rows"),
    });
    expect(result.variants.map(({ maxBatch }) => maxBatch)).toEqual([1]);
  });

  describe("of a model that is quantised as it runs", () => {
    const nodes = [
      createNode("DynamicQuantizeLinear", { inputs: ["x"], outputs: ["q", "s", "z"] }),
      createNode("DequantizeLinear", { inputs: ["q", "s", "z"], outputs: ["y"] }),
    ];
    const model = fixtureModel({ nodes, constants: [], input: ["N", WIDTH], output: ["N", WIDTH] });
    const task = create(TaskSchema, { name: "toy" });

    it("serves it unbatched, because every row of a batch has a say in its scale", async () => {
      const { result } = await register(model, task);
      expect(result.architecture).toMatchObject({
        batchable: false,
        unbatchableReason: expect.stringMatching(/^DynamicQuantizeLinear takes its scale from all rows/),
      });
      expect(result.variants.map(({ unbatched }) => unbatched)).toEqual([true]);
    });

    it("batches it on its owner's word, and keeps what was overridden", async () => {
      const { result } = await register(model, task, { statedBatchable: true });
      expect(result.architecture).toMatchObject({
        batchable: true,
        batchingNote: expect.stringMatching(
          /^batched because its owner says so, although DynamicQuantizeLinear/,
        ),
      });
    });

    it("is found by running it too, whatever its operators are called", async () => {
      const path = artifacts.pathOf("sha256:dynamic");
      await writeFile(path, encodeModel(model));
      const tensor = { datatype: "FP32" as const, shape: [-1, WIDTH] };
      const rows = randomRows([{ ...tensor, name: "x" }]);
      const outputs = [{ ...tensor, name: "y" }];
      const open = ModelRunner.open(nativeEngines, rows, { path, threads: 1, concurrency: 1, maxBatch: 8 });
      const probe = await withRunner(open, (runner) =>
        probeBatchInvariance({ runner, rows, outputs, maxBatch: 8, clock: systemClock }),
      );
      expect(probe).toMatchObject({
        invariant: false,
        reason: expect.stringContaining("alone and among 2 rows"),
      });
    });
  });

  it.each([
    [
      "an output whose first axis does not count rows",
      [createNode("ReduceMax", { inputs: ["x"], outputs: ["y"] })],
      /^output y has shape \[1,1\] for one row and \[1,1\] for 2: its first axis does not count rows$/,
    ],
    [
      "a shape inside that holds one row only",
      [createNode("Reshape", { inputs: ["x", "one_row"], outputs: ["y"] })],
      /^2 rows cannot be run together: .*Reshape/,
    ],
  ])("serves a model with %s one request at a time", async (_, nodes, reason) => {
    const shape = constantTensor("one_row", [2], Int32Array.of(1, 0, WIDTH, 0));
    const constants = [{ ...shape, dataType: ElementType.int64 }];
    const model = fixtureModel({ nodes, constants, input: ["N", WIDTH], output: ["A", "B"] });
    const { result } = await register(model, create(TaskSchema, { name: "toy" }));
    expect(result.architecture?.unbatchableReason).toMatch(reason);
    expect(result.variants.map(({ maxBatch, unbatched }) => [maxBatch, unbatched])).toEqual([[1, true]]);
  });

  it("leaves a model unbatched whose owner says so, and refuses a yes where there is no batch axis", async () => {
    const task = create(TaskSchema, { name: "toy" });
    const { result } = await register(denseModel([WIDTH, 4]), task, { statedBatchable: false });
    expect(result.architecture?.unbatchableReason).toBe("its owner says that rows must not share a batch");
    const nodes = [createNode("Relu", { inputs: ["x"], outputs: ["y"] })];
    const fixed = fixtureModel({ nodes, constants: [], input: [1, WIDTH], output: [1, WIDTH] });
    await expect(register(fixed, task, { statedBatchable: true })).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringContaining("is stated to be batchable, but input x has a first axis fixed at 1"),
    });
  });

  it("makes words for a model that takes strings, and compares its answers by their bytes", async () => {
    const nodes = [createNode("Identity", { inputs: ["x"], outputs: ["y"] })];
    const model = fixtureModel({ nodes, constants: [], input: ["N", 2], output: ["N", 2], elemType: STRING });
    const { result } = await register(model, create(TaskSchema, { name: "toy" }));
    expect(result.architecture?.inputs[0]).toMatchObject({ datatype: "BYTES", shape: [-1n, 2n] });
    expect(result.architecture?.unbatchableReason).toContain("input 'x' holds strings");
    const [first] = result.variants;
    expect(Buffer.from(first!.goldenInputs[0]!).toString("latin1", 4, 10)).toMatch(/^[a-z]{6}$/);
    expect(first?.goldenOutputs).toEqual(first?.goldenInputs);
  });

  it("works out how long a free axis may be, unless it is told", async () => {
    const nodes = [createNode("Relu", { inputs: ["x"], outputs: ["y"] })];
    const model = fixtureModel({ nodes, constants: [], input: ["N", "L", 3], output: ["N", "L", 3] });
    const task = create(TaskSchema, { name: "toy" });
    const shapeOf = ({ result }: { result: RegistrationResult }) =>
      result.variants[0]?.goldenInputShapes.map(({ dims }) => dims);
    expect(shapeOf(await register(model, task))).toEqual([[1n, 64n, 3n]]);
    expect(shapeOf(await register(model, task, { axisSizes: { L: 20 } }))).toEqual([[1n, 20n, 3n]]);
  });

  it("serves a model without a batch axis one row at a time", async () => {
    const nodes = [createNode("Relu", { inputs: ["x"], outputs: ["y"] })];
    const model = fixtureModel({ nodes, constants: [], input: [1, WIDTH], output: [1, WIDTH] });
    const { result } = await register(model, create(TaskSchema, { name: "toy" }));
    expect(result.architecture?.unbatchableReason).toBe(
      "input x has a first axis fixed at 1; a batch axis is free",
    );
    expect(
      result.variants.map(({ maxBatch, goldenInputs }) => [maxBatch, goldenInputs[0]?.byteLength]),
    ).toEqual([[1, 4 * WIDTH]]);
  });

  it("measures text of a free length at the length the task states", async () => {
    const nodes = [createNode("Relu", { inputs: ["x"], outputs: ["y"] })];
    const model = fixtureModel({ nodes, constants: [], input: ["N", "L"], output: ["N", "L"] });
    const { result } = await register(model, create(TaskSchema, { name: "toy", text: { length: 12 } }));
    expect(result.architecture).toMatchObject({ batchable: true });
    expect(result.architecture?.inputs[0]?.shape).toEqual([-1n, -1n]);
    expect(result.variants[0]?.goldenInputs[0]?.byteLength).toBe(4 * 12);
  });

  it("profiles without a validation set, with no accuracy and no int8", async () => {
    const { result } = await register(denseModel([WIDTH, 10]), create(TaskSchema, { name: "toy" }));
    expect(result.variants.every(({ accuracy }) => accuracy === undefined)).toBe(true);
    expect(result.rejected.map(({ reason }) => reason)).toEqual([
      "no validation set to calibrate on and to measure the loss with",
    ]);
  });

  it("refuses a model with an operator that the engine does not have, in the engine's words", async () => {
    const nodes = [createNode("Frobnicate", { inputs: ["x"], outputs: ["y"] })];
    const model = fixtureModel({ nodes, constants: [], input: ["N", WIDTH], output: ["N", WIDTH] });
    await expect(register(model, create(TaskSchema, { name: "toy" }))).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringMatching(/^the engine cannot run this model: .*Frobnicate/),
    });
  });

  it("refuses a file that is no model", async () => {
    const broken = register(Buffer.from("no model"), create(TaskSchema, { name: "toy" }));
    await expect(broken).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
  });
});
