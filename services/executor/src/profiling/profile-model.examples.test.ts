import { create } from "@bufbuild/protobuf";
import { ExampleFileSchema, encodeBytes, TaskSchema } from "@infaas/api";
import { createNode } from "@infaas/onnx";
import { type FixtureTensor, graphFile } from "@infaas/onnx/testing/graph-models";
import { Code } from "@infaas/runtime";
import { npyFile } from "../testing/numpy-files";
import { ProfilingBench, type RegisterOptions } from "../testing/profiling-bench";

const task = create(TaskSchema, { name: "toy" });
const file = (name: string, content: string | Uint8Array, input = "") =>
  create(ExampleFileSchema, { name, input, content: new Uint8Array(Buffer.from(content)) });

describe("profileModel: examples", () => {
  let bench: ProfilingBench;
  beforeAll(async () => {
    bench = await ProfilingBench.open();
  });
  afterAll(() => bench.close());

  const golden = async (model: Uint8Array, options: RegisterOptions) => {
    const { result } = await bench.register(model, task, options);
    const [variant] = result.variants;
    return {
      batchable: result.architecture?.batchable,
      shapes: variant?.goldenInputShapes.map(({ dims }) => dims.map(Number)),
      inputs: variant?.goldenInputs.map((bytes) => Buffer.from(bytes)),
    };
  };
  const passes = (tensor: Omit<FixtureTensor, "name">) =>
    graphFile({
      nodes: [createNode("Identity", { inputs: ["x"], outputs: ["y"] })],
      inputs: [{ name: "x", ...tensor }],
      outputs: [{ name: "y", ...tensor }],
    });

  it("measures with the first row of what is given, and batches the rows", async () => {
    const model = passes({ datatype: "FP32", dims: ["N", 2] });
    const bytes = Buffer.from(Float32Array.of(5, 6, 7, 8).buffer);
    const examples = [file("x.npy", npyFile({ descr: "<f4", shape: [2, 2], bytes }))];
    expect(await golden(model, { examples })).toEqual({
      batchable: true,
      shapes: [[1, 2]],
      inputs: [bytes.subarray(0, 8)],
    });
  });

  it("takes strings of any length", async () => {
    const model = passes({ datatype: "BYTES", dims: ["N"] });
    const examples = [file("words.json", '{"x": ["a", "words of another length", ""]}')];
    const first = Buffer.from(encodeBytes([Buffer.from("a")]));
    expect(await golden(model, { examples })).toMatchObject({ shapes: [[1]], inputs: [first] });
  });

  /** Takes 7 x 13 elements alone, which no list of likely sizes has, and says nothing of it in its shapes. */
  const odd = graphFile({
    nodes: [
      createNode("Reshape", { inputs: ["x", "wanted"], outputs: ["flat"] }),
      createNode("Mul", { inputs: ["flat", "scale"], outputs: ["y"] }),
    ],
    inputs: [
      { name: "x", datatype: "FP32", dims: ["a", "b"] },
      { name: "wanted", datatype: "INT64", dims: [1] },
      { name: "scale", datatype: "FP32", dims: [91] },
    ],
    outputs: [{ name: "y", datatype: "FP32", dims: [91] }],
  });

  it("draws what is not given, in the sizes that are stated", async () => {
    const examples = [
      file("sizes.json", '{"inputs": [{"name": "x", "shape": [7, 13]}]}'),
      file("wanted.csv", "wanted\n91\n", "wanted"),
    ];
    const { shapes, inputs } = await golden(odd, { examples });
    expect(shapes).toEqual([[7, 13], [1], [91]]);
    expect(inputs?.[1]).toEqual(Buffer.from(BigInt64Array.of(91n).buffer));
    expect(new Set(new Float32Array(Uint8Array.from(inputs![0]!).buffer)).size).toBeGreaterThan(10);
  });

  it("says in the engine's words which example it refuses", async () => {
    const table = file("wanted.csv", "wanted\n91\n90\n", "wanted");
    const numbers = (count: number) => JSON.stringify(Array.from({ length: count }, () => 1));
    const rest = file("rest.json", `{"x": [${numbers(91)}], "scale": ${numbers(91)}}`);
    await expect(bench.register(odd, task, { examples: [table, rest] })).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringMatching(/^the engine refuses example 2 of 2: .*Reshape/),
    });
  });

  it("refuses what does not fit before anything is run, and sizes of axes that there are not", async () => {
    const model = passes({ datatype: "FP32", dims: ["N", "length"] });
    const examples = [file("x.csv", "a,b\n1,2\n")];
    expect((await golden(model, { examples })).shapes).toEqual([[1, 2]]);
    const wide = npyFile({ descr: "<f8", shape: [1, 2], bytes: Buffer.alloc(16) });
    await expect(bench.register(model, task, { examples: [file("x.npy", wide)] })).rejects.toThrow(
      "x.npy: input 'x' came as FP64 [1, 2], the model takes x FP32 [-1, -1]",
    );
    await expect(bench.register(model, task, { axisSizes: { len: 3 } })).rejects.toThrow(
      "'len' is no free axis of the model; free are: N, length",
    );
    expect((await golden(model, { axisSizes: { "x.1": 3 } })).shapes).toEqual([[1, 3]]);
  });
});
