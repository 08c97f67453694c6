import { writeFile } from "node:fs/promises";
import { create } from "@bufbuild/protobuf";
import { BatchingCertificate, TaskSchema } from "@infaas/api";
import { constantTensor, createNode, ElementType, encodeModel } from "@infaas/onnx";
import { crossRowModel, denseModel, fixtureModel } from "@infaas/onnx/testing/dense-models";
import { Code, systemClock } from "@infaas/runtime";
import type { Engine, EnginePort } from "../engines/engine-port";
import { nativeEngines } from "../engines/native-engine";
import { ProfilingBench, WIDTH } from "../testing/profiling-bench";
import { probeBatchInvariance } from "./onnx/batch-invariance";
import { ModelRunner, withRunner } from "./onnx/model-runner";
import { randomRows } from "./onnx/random-rows";

describe("profileModel: whether rows share a batch", () => {
  let bench: ProfilingBench;

  beforeAll(async () => {
    bench = await ProfilingBench.open();
  });
  afterAll(() => bench.close());

  it("serves a model whose rows depend on each other one row at a time, and says why", async () => {
    const { result } = await bench.register(crossRowModel(WIDTH), create(TaskSchema, { name: "toy" }));
    expect(result.architecture).toMatchObject({
      batchable: false,
      batchingCertificate: BatchingCertificate.ALONE,
      unbatchableReason:
        "ReduceMax reduces over the axis of the rows (node ReduceMax:m), and output y depends on it",
    });
    expect(result.variants.map(({ maxBatch }) => maxBatch)).toEqual([1]);
  });

  it("asks for a report where the engine contradicts the proof, and does not batch", async () => {
    const { result } = await bench.register(denseModel([WIDTH, 8]), create(TaskSchema, { name: "toy" }), {
      engines: mixingEngines,
    });
    const asks = expect.stringMatching(
      /although the graph says that rows keep apart: please report this model as a bug$/,
    );
    expect(result.warnings).toEqual([asks]);
    expect(result.architecture).toMatchObject({ batchable: false, unbatchableReason: asks });
    const { result: trusted } = await bench.register(
      denseModel([WIDTH, 8]),
      create(TaskSchema, { name: "toy" }),
    );
    expect(trusted.warnings).toEqual([]);
  });

  describe("of a model that is quantised as it runs", () => {
    const nodes = [
      createNode("DynamicQuantizeLinear", { inputs: ["x"], outputs: ["q", "s", "z"] }),
      createNode("DequantizeLinear", { inputs: ["q", "s", "z"], outputs: ["y"] }),
    ];
    const model = fixtureModel({ nodes, constants: [], input: ["N", WIDTH], output: ["N", WIDTH] });
    const task = create(TaskSchema, { name: "toy" });

    it("serves it unbatched, because every row of a batch has a say in its scale", async () => {
      const { result } = await bench.register(model, task);
      expect(result.architecture).toMatchObject({
        batchable: false,
        unbatchableReason: expect.stringMatching(/^DynamicQuantizeLinear takes its scale from all rows/),
      });
      expect(result.variants.map(({ unbatched }) => unbatched)).toEqual([true]);
    });

    it("batches it on its owner's word, and keeps what was overridden", async () => {
      const { result } = await bench.register(model, task, { statedBatchable: true });
      expect(result.architecture).toMatchObject({
        batchable: true,
        batchingCertificate: BatchingCertificate.OWNER,
        batchingNote: expect.stringMatching(
          /^batched because its owner says so, although DynamicQuantizeLinear/,
        ),
      });
    });

    it("is found by running it too, whatever its operators are called", async () => {
      const path = bench.pathOf("sha256:dynamic");
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
      /^ReduceMax reduces over the axis of the rows \(node ReduceMax:y\), and output y depends on it$/,
    ],
    [
      "a shape inside that holds one row only",
      [createNode("Reshape", { inputs: ["x", "one_row"], outputs: ["y"] })],
      /^Reshape gives its result sizes that are the same for any number of rows/,
    ],
  ])("serves a model with %s one request at a time", async (_, nodes, reason) => {
    const shape = constantTensor("one_row", [2], Int32Array.of(1, 0, WIDTH, 0));
    const constants = [{ ...shape, dataType: ElementType.int64 }];
    const model = fixtureModel({ nodes, constants, input: ["N", WIDTH], output: ["A", "B"] });
    const { result } = await bench.register(model, create(TaskSchema, { name: "toy" }));
    expect(result.architecture?.unbatchableReason).toMatch(reason);
    expect(result.variants.map(({ maxBatch, unbatched }) => [maxBatch, unbatched])).toEqual([[1, true]]);
  });

  it("leaves a model unbatched whose owner says so, and refuses a yes where there is no batch axis", async () => {
    const task = create(TaskSchema, { name: "toy" });
    const { result } = await bench.register(denseModel([WIDTH, 4]), task, { statedBatchable: false });
    expect(result.architecture?.unbatchableReason).toBe("its owner says that rows must not share a batch");
    const nodes = [createNode("Relu", { inputs: ["x"], outputs: ["y"] })];
    const fixed = fixtureModel({ nodes, constants: [], input: [1, WIDTH], output: [1, WIDTH] });
    await expect(bench.register(fixed, task, { statedBatchable: true })).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringContaining("is stated to be batchable, but input x has a first axis fixed at 1"),
    });
  });

  it("serves a model without a batch axis one row at a time", async () => {
    const nodes = [createNode("Relu", { inputs: ["x"], outputs: ["y"] })];
    const model = fixtureModel({ nodes, constants: [], input: [1, WIDTH], output: [1, WIDTH] });
    const { result } = await bench.register(model, create(TaskSchema, { name: "toy" }));
    expect(result.architecture?.unbatchableReason).toBe(
      "input x has a first axis fixed at 1; a batch axis is free",
    );
    expect(
      result.variants.map(({ maxBatch, goldenInputs }) => [maxBatch, goldenInputs[0]?.byteLength]),
    ).toEqual([[1, 4 * WIDTH]]);
  });
});

/** The native engines with a fault: what rows are answered in company is moved by their number. */
const mixingEngines: EnginePort = {
  async open(options): Promise<Engine> {
    const engine = await nativeEngines.open(options);
    const submit = engine.submit.bind(engine);
    engine.submit = async (inputs, query) => {
      const answer = await submit(inputs, query);
      const outputs = answer.outputs.map((bytes) => {
        const values = new Float32Array(Uint8Array.from(bytes).buffer);
        return new Uint8Array(values.map((value) => value + query.rows - 1).buffer);
      });
      return { ...answer, outputs, release: () => answer.release() };
    };
    return engine;
  },
};
