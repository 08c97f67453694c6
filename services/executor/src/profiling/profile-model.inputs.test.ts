import { create } from "@bufbuild/protobuf";
import { type RegistrationResult, TaskSchema, TensorProtoSchema, ValueInfoProtoSchema } from "@infaas/api";
import { constantTensor, createNode, ElementType } from "@infaas/onnx";
import { fixtureModel } from "@infaas/onnx/testing/dense-models";
import { Code } from "@infaas/runtime";
import { ProfilingBench, WIDTH } from "../testing/profiling-bench";

/** The format's number for strings. */
const STRING = 8;
const INT64 = ElementType.int64;
const int64Of = (name: string, value: number) =>
  create(TensorProtoSchema, { name, dims: [1n], dataType: INT64, int64Data: [BigInt(value)] });

describe("profileModel: inputs and files", () => {
  let bench: ProfilingBench;

  beforeAll(async () => {
    bench = await ProfilingBench.open();
  });
  afterAll(() => bench.close());

  it("makes words for a model that takes strings, and compares its answers by their bytes", async () => {
    const nodes = [createNode("Identity", { inputs: ["x"], outputs: ["y"] })];
    const model = fixtureModel({ nodes, constants: [], input: ["N", 2], output: ["N", 2], elemType: STRING });
    const { result } = await bench.register(model, create(TaskSchema, { name: "toy" }));
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
    expect(shapeOf(await bench.register(model, task))).toEqual([[1n, 64n, 3n]]);
    expect(shapeOf(await bench.register(model, task, { axisSizes: { L: 20 } }))).toEqual([[1n, 20n, 3n]]);
  });

  it("measures text of a free length at the length the task states", async () => {
    const nodes = [createNode("Relu", { inputs: ["x"], outputs: ["y"] })];
    const model = fixtureModel({ nodes, constants: [], input: ["N", "L"], output: ["N", "L"] });
    const { result } = await bench.register(model, create(TaskSchema, { name: "toy", text: { length: 12 } }));
    expect(result.architecture).toMatchObject({ batchable: true });
    expect(result.architecture?.inputs[0]?.shape).toEqual([-1n, -1n]);
    expect(result.variants[0]?.goldenInputs[0]?.byteLength).toBe(4 * 12);
  });

  it("lists an input that has a default as one that may be left out, and makes no int8 of it", async () => {
    const nodes = [createNode("Gemm", { inputs: ["x", "w", "s"], outputs: ["y"] })];
    const constants = [
      constantTensor("w", [2, 2], Float32Array.of(1, 2, 3, 4)),
      constantTensor("s", [2], Float32Array.of(5, 6)),
    ];
    const model = fixtureModel({ nodes, constants, input: ["N", 2], output: ["N", 2] });
    const [x] = model.graph.input;
    const dim = [{ value: { case: "dimValue" as const, value: 2n } }];
    model.graph.input.push(
      create(ValueInfoProtoSchema, { name: "s", type: { tensorType: { elemType: 1, shape: { dim } } } }),
    );
    const { result } = await bench.register(model, create(TaskSchema, { name: "toy" }));
    expect(x?.name).toBe("x");
    expect(result.architecture?.inputs).toMatchObject([
      { name: "x", shape: [-1n, 2n], optional: false },
      { name: "s", shape: [2n], optional: true },
    ]);
    expect(result.architecture).toMatchObject({ batchable: true });
    expect(result.variants[0]?.goldenInputs).toHaveLength(1);
    model.irVersion = 3n;
    model.opsetImport[0]!.version = 8n;
    const old = await bench.register(model, create(TaskSchema, { name: "toy" }));
    expect(old.result.architecture?.inputs.map(({ name }) => name)).toEqual(["x"]);
  });

  it("measures an input that does not say how many axes it has with as many as the engine takes", async () => {
    const nodes = [createNode("Relu", { inputs: ["x"], outputs: ["y"] })];
    const model = fixtureModel({ nodes, constants: [], input: [], output: [] });
    for (const { type } of [model.graph.input[0]!, model.graph.output[0]!]) delete type!.tensorType!.shape;
    const { result } = await bench.register(model, create(TaskSchema, { name: "toy" }));
    expect(result.architecture?.inputs).toMatchObject([{ name: "x", shape: [-1n], anyRank: true }]);
    expect(result.architecture?.outputs).toMatchObject([{ name: "y", shape: [-1n], anyRank: true }]);
    expect(result.architecture?.unbatchableReason).toBe("input x does not say how many axes it has");
    expect(result.variants[0]?.goldenInputShapes).toMatchObject([{ dims: [1n, 64n] }]);
  });

  it("says where a row that was drawn for it is refused alone too, and asks for no report", async () => {
    const nodes = [createNode("Div", { inputs: ["twelve", "x"], outputs: ["y"] })];
    const constants = [int64Of("twelve", 12)];
    const model = fixtureModel({ nodes, constants, input: ["N"], output: ["N"], elemType: INT64 });
    const { result } = await bench.register(model, create(TaskSchema, { name: "toy" }));
    expect(result.architecture?.unbatchableReason).toMatch(
      /^a row that was drawn for it is refused alone too: .*division by zero; examples of what it takes/,
    );
    expect(result.warnings).toEqual([]);
  });

  describe("when nothing is found that it takes", () => {
    const idsFrom = (first: number) => {
      const nodes = [
        createNode("Sub", { inputs: ["x", "first"], outputs: ["row"] }),
        createNode("Gather", { inputs: ["table", "row"], outputs: ["y"] }),
      ];
      const constants = [int64Of("first", first), constantTensor("table", [3], Float32Array.of(5, 6, 7))];
      const model = fixtureModel({ nodes, constants, input: ["N"], output: ["N"], elemType: INT64 });
      model.graph.output[0]!.type!.tensorType!.elemType = 1;
      return model;
    };

    it("registers it with a stated default, alone, and with nothing golden", async () => {
      const { result } = await bench.register(idsFrom(1_000_000), create(TaskSchema, { name: "toy" }));
      const reason = expect.stringMatching(/^no input was found that it takes: .*indices/);
      expect(result.architecture).toMatchObject({ batchable: false, unbatchableReason: reason });
      expect(result.variants).toMatchObject([
        { unprofiledReason: reason, unbatched: true, maxBatch: 1, goldenInputs: [], goldenTolerance: 1e-4 },
      ]);
      expect(result.variants[0]?.profile).toMatchObject({ points: [{ batch: 1, p50Ms: 100, p99Ms: 100 }] });
      expect(result.variants[0]?.profile?.loadMs).toBeGreaterThan(0);
      expect(result.variants[0]?.profile?.peakMemoryBytes).toBeGreaterThan(0n);
    });

    it("keeps nothing golden of a model that draws its answers", async () => {
      const model = idsFrom(1_000_000);
      model.graph.node.push(createNode("RandomUniformLike", { inputs: ["table"], outputs: ["noise"] }));
      const { result } = await bench.register(model, create(TaskSchema, { name: "toy" }));
      expect(result.variants[0]?.goldenTolerance).toBe(0);
    });

    it("refuses it where its owner states that it is batchable: nothing can be tried", async () => {
      const task = create(TaskSchema, { name: "toy" });
      await expect(bench.register(idsFrom(1_000_000), task, { statedBatchable: true })).rejects.toMatchObject(
        {
          code: Code.INVALID_ARGUMENT,
          message: expect.stringContaining("stated to be batchable, but no input was found"),
        },
      );
    });
  });

  it("records an input and no answer of a model that draws its answers", async () => {
    const nodes = [createNode("RandomNormalLike", { inputs: ["x"], outputs: ["y"] })];
    const model = fixtureModel({ nodes, constants: [], input: ["N", WIDTH], output: ["N", WIDTH] });
    const { result } = await bench.register(model, create(TaskSchema, { name: "toy" }));
    expect(result.architecture).toMatchObject({ batchable: false });
    expect(result.variants).toMatchObject([
      { goldenInputs: [expect.any(Uint8Array)], goldenOutputs: [], goldenTolerance: 0, unprofiledReason: "" },
    ]);
  });

  it("refuses a model with an operator that the engine does not have, in the engine's words", async () => {
    const nodes = [createNode("Frobnicate", { inputs: ["x"], outputs: ["y"] })];
    const model = fixtureModel({ nodes, constants: [], input: ["N", WIDTH], output: ["N", WIDTH] });
    await expect(bench.register(model, create(TaskSchema, { name: "toy" }))).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringMatching(/^the engine cannot run this model: .*Frobnicate/),
    });
  });

  it("refuses a file that is no model", async () => {
    const broken = bench.register(Buffer.from("no model"), create(TaskSchema, { name: "toy" }));
    await expect(broken).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
  });
});
