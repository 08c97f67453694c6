import { create } from "@bufbuild/protobuf";
import { AttributeProtoSchema, type NodeProto, TaskSchema } from "@infaas/api";
import { constantTensor, createNode, ElementType } from "@infaas/onnx";
import { type FixtureTensor, graphFile } from "@infaas/onnx/testing/graph-models";
import { ProfilingBench } from "../testing/profiling-bench";

const floats = (name: string, dims: readonly number[]) =>
  constantTensor(name, [...dims], new Float32Array(dims.reduce((all, size) => all * size, 1)).fill(0.5));
const whole = (name: string, values: readonly number[]) => ({
  ...constantTensor(name, [values.length], Float32Array.of()),
  dataType: ElementType.int64,
  rawData: new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer),
});
const input = (
  name: string,
  datatype: FixtureTensor["datatype"],
  ...dims: (number | string)[]
): FixtureTensor => ({
  name,
  datatype,
  dims,
});
const output = (datatype: FixtureTensor["datatype"], name = "y"): FixtureTensor => ({
  name,
  datatype,
  dims: null,
});
const node = (opType: string, inputs: string[], attributes: NodeProto["attribute"] = [], outputs = ["y"]) => {
  const made = createNode(opType, { inputs, outputs });
  made.attribute.push(...attributes);
  return made;
};
const int = (name: string, i: bigint) => create(AttributeProtoSchema, { name, type: 2, i });
const texts = (name: string, words: readonly string[]) =>
  create(AttributeProtoSchema, {
    name,
    type: 8,
    strings: words.map((word) => new Uint8Array(Buffer.from(word))),
  });
const encoder = (words: readonly string[], from = "x") => ({
  ...node("OneHotEncoder", [from], [texts("cats_strings", words), int("zeros", 0n)]),
  domain: "ai.onnx.ml",
});
const cast = (to: bigint, from = "x", into = "y") => node("Cast", [from], [int("to", to)], [into]);

/** Models that answer only some inputs, which their files tell. */
const MODELS: readonly [string, Parameters<typeof graphFile>[0]][] = [
  [
    "a product's rows of one length",
    {
      nodes: [node("MatMul", ["x", "w"])],
      inputs: [input("x", "FP32", "n", "f")],
      outputs: [output("FP32")],
      constants: [floats("w", [37, 2])],
    },
  ],
  [
    "a convolution's channels",
    {
      nodes: [node("Conv", ["x", "w"])],
      inputs: [input("x", "FP32", "n", "c", "h", "v")],
      outputs: [output("FP32")],
      constants: [floats("w", [4, 5, 3, 3])],
    },
  ],
  [
    "channels in groups, behind another operator",
    {
      nodes: [
        createNode("Relu", { inputs: ["x"], outputs: ["r"] }),
        node("Conv", ["r", "w"], [int("group", 3n)]),
      ],
      inputs: [input("x", "FP32", "n", "c", "t")],
      outputs: [output("FP32")],
      constants: [floats("w", [6, 7, 3])],
    },
  ],
  [
    "frames of 480",
    {
      nodes: [node("Reshape", ["x", "s"])],
      inputs: [input("x", "FP32", "n", "t")],
      outputs: [output("FP32")],
      constants: [whole("s", [0, -1, 480])],
    },
  ],
  [
    "heads of 36 and a table of 108",
    {
      nodes: [createNode("Add", { inputs: ["x", "bias"], outputs: ["a"] }), node("Reshape", ["a", "s"])],
      inputs: [input("x", "FP32", "n", "f")],
      outputs: [output("FP32")],
      constants: [floats("bias", [108]), whole("s", [0, -1, 36])],
    },
  ],
  [
    "two inputs side by side, and weights for both",
    {
      nodes: [createNode("Add", { inputs: ["x", "z"], outputs: ["a"] }), node("MatMul", ["a", "w"])],
      inputs: [input("x", "FP32", "n", "f"), input("z", "FP32", "n", "g")],
      outputs: [output("FP32")],
      constants: [floats("w", [53, 2])],
    },
  ],
  [
    "words of an encoder",
    {
      nodes: [encoder(["red", "green", "blue"])],
      inputs: [input("x", "BYTES", "n", 1)],
      outputs: [output("FP32")],
    },
  ],
  [
    "words of an encoder behind a reshape",
    {
      nodes: [createNode("Reshape", { inputs: ["x", "s"], outputs: ["r"] }), encoder(["tiny", "huge"], "r")],
      inputs: [input("x", "BYTES", "n")],
      outputs: [output("FP32")],
      constants: [whole("s", [-1, 1])],
    },
  ],
  [
    "numbers as text",
    { nodes: [cast(11n)], inputs: [input("x", "BYTES", "n", 1)], outputs: [output("FP64")] },
  ],
  [
    "whole numbers as text",
    { nodes: [cast(7n)], inputs: [input("x", "BYTES", "n", 2)], outputs: [output("INT64")] },
  ],
  [
    "divisors",
    {
      nodes: [node("Div", ["x", "d"])],
      inputs: [input("x", "UINT32", 3, 4, 5), input("d", "UINT32", 3, 4, 5)],
      outputs: [output("UINT32")],
    },
  ],
  [
    "a remainder",
    {
      nodes: [node("Mod", ["x", "d"])],
      inputs: [input("x", "INT64", "n", 40), input("d", "INT64", "n", 40)],
      outputs: [output("INT64")],
    },
  ],
  [
    "parts that sum up",
    {
      nodes: [node("Split", ["x", "p"], [int("axis", 0n)], ["y", "z"])],
      inputs: [input("x", "FP32", "n", 2), input("p", "INT64", 2)],
      outputs: [output("FP32"), output("FP32", "z")],
    },
  ],
  [
    "four parts of a later axis",
    {
      nodes: [node("Split", ["x", "p"], [int("axis", 1n)], ["y", "z", "a", "b"])],
      inputs: [input("x", "FP32", "n", "t"), input("p", "INT64", 4)],
      outputs: ["y", "z", "a", "b"].map((name) => output("FP32", name)),
    },
  ],
  [
    "a size asked for in floats",
    {
      nodes: [
        cast(7n, "hw", "size"),
        createNode("Concat", { inputs: ["nc", "size"], outputs: ["sizes"] }, { axis: 0 }),
        node("Resize", ["x", "", "", "sizes"]),
      ],
      inputs: [input("x", "FP32", 1, 1, 8, 8), input("hw", "FP32", 2)],
      outputs: [output("FP32")],
      constants: [whole("nc", [1, 1])],
    },
  ],
  [
    "times to repeat",
    {
      nodes: [node("Tile", ["x", "times"])],
      inputs: [input("x", "FP32", 2, 3), input("times", "INT64", 2)],
      outputs: [output("FP32")],
    },
  ],
];

describe("profileModel: what a file says of its inputs", () => {
  let bench: ProfilingBench;
  beforeAll(async () => {
    bench = await ProfilingBench.open();
  });
  afterAll(() => bench.close());

  it.each(MODELS)("finds %s", async (_what, graph) => {
    const { result } = await bench.register(graphFile(graph), create(TaskSchema, { name: "toy" }));
    expect(result.variants.length).toBeGreaterThan(0);
  });

  it("keeps a size that is told though the graph has another one in mind", async () => {
    const graph = graphFile({
      nodes: [node("Expand", ["x", "s"])],
      inputs: [input("x", "FP32", "n", "f")],
      outputs: [output("FP32")],
      constants: [whole("s", [1, 12])],
    });
    const { result } = await bench.register(graph, create(TaskSchema, { name: "toy" }), {
      axisSizes: { f: 12 },
    });
    expect(result.variants[0]?.goldenInputShapes).toMatchObject([{ dims: [1n, 12n] }]);
  });
});
