import type { NodeProto, TensorProto } from "@infaas/api";
import { constantTensor } from "../file/float-tensor";
import { decodeModel } from "../file/model-file";
import { createNode } from "../file/node";
import { type FixtureTensor, graphFile, intsAttribute } from "../testing/graph-models";
import { analyseRows, type RowAnalysis } from "./analyse-rows";

interface Case {
  readonly nodes: readonly NodeProto[];
  readonly x?: readonly (number | string)[];
  readonly more?: readonly FixtureTensor[];
  readonly constants?: readonly TensorProto[];
  readonly outputs?: readonly string[];
}

/** Analyses a graph whose input x is `[N, 4]` of float32 unless told, and whose outputs are named. */
function analyse({ nodes, x = ["N", 4], more = [], constants = [], outputs = ["y"] }: Case): RowAnalysis {
  const inputs: FixtureTensor[] = [{ name: "x", datatype: "FP32", dims: x }, ...more];
  const declared = outputs.map((name) => ({ name, datatype: "FP32", dims: null }) as const);
  return analyseRows(decodeModel(graphFile({ nodes, inputs, outputs: declared, constants })));
}

const node = (
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  integers: Readonly<Record<string, number>> = {},
  lists: Readonly<Record<string, readonly number[]>> = {},
): NodeProto => {
  const made = createNode(opType, { inputs, outputs }, integers);
  made.attribute.push(...Object.entries(lists).map(([name, values]) => intsAttribute(name, values)));
  return made;
};
const weights = (name: string, dims: readonly number[]) =>
  constantTensor(name, dims, new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(0.5));
/** An int64 list. */
const list = (name: string, values: readonly number[]): TensorProto => {
  const made = constantTensor(name, [values.length], new Int32Array(2 * values.length));
  const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { ...made, dataType: 7, rawData };
};
const scalar = (name: string, value: number): TensorProto => ({ ...list(name, [value]), dims: [] });

describe("analyseRows", () => {
  it.each<[string, Case]>([
    [
      "a dense layer",
      { nodes: [node("Gemm", ["x", "w", "b"], ["y"])], constants: [weights("w", [4, 3]), weights("b", [3])] },
    ],
    [
      "a reduction over another axis",
      { nodes: [node("ReduceMax", ["x"], ["y"], { keepdims: 0 }, { axes: [-1] })] },
    ],
    ["a softmax of the last axis", { nodes: [node("Softmax", ["x"], ["y"], { axis: -1 })] }],
    [
      "a reshape that folds time into rows and takes it out again",
      {
        x: ["N", "T", 4],
        nodes: [
          node("Reshape", ["x", "flat"], ["f"]),
          node("MatMul", ["f", "w"], ["g"]),
          node("Shape", ["x"], ["s"]),
          node("Gather", ["s", "zero"], ["n"]),
          node("Concat", ["n", "rest"], ["target"], { axis: 0 }),
          node("Reshape", ["g", "target"], ["y"]),
        ],
        constants: [list("flat", [-1, 4]), weights("w", [4, 2]), list("zero", [0]), list("rest", [-1, 2])],
      },
    ],
    [
      "rows that are carried elsewhere and back",
      {
        x: ["N", 3, 4],
        nodes: [
          node("Transpose", ["x"], ["t"], {}, { perm: [1, 0, 2] }),
          node("CumSum", ["t", "first"], ["c"]),
          node("Transpose", ["c"], ["y"], {}, { perm: [1, 0, 2] }),
        ],
        constants: [scalar("first", 0)],
      },
    ],
    [
      "a token that is stretched to as many rows as there are",
      {
        x: ["N", 3, 4],
        nodes: [
          node("Shape", ["x"], ["s"]),
          node("Gather", ["s", "zero"], ["n"]),
          node("Concat", ["n", "rest"], ["target"], { axis: 0 }),
          node("Expand", ["token", "target"], ["t"]),
          node("Concat", ["t", "x"], ["y"], { axis: 1 }),
        ],
        constants: [list("zero", [0]), list("rest", [1, 4]), weights("token", [1, 1, 4])],
      },
    ],
    [
      "an embedding of each row's ids",
      {
        nodes: [node("Gather", ["table", "ids"], ["y"])],
        more: [{ name: "ids", datatype: "INT64", dims: ["N", 2] }],
        constants: [weights("table", [7, 4])],
      },
    ],
    [
      "a mask that is broadcast over heads and queries",
      {
        x: ["N", 2, 3, 3],
        more: [{ name: "mask", datatype: "FP32", dims: ["N", 1, 1, 3] }],
        nodes: [node("Add", ["x", "mask"], ["y"])],
      },
    ],
  ])("proves %s", (_, graph) => {
    expect(analyse(graph)).toEqual({ proven: true });
  });

  it.each<[string, Case, RegExp]>([
    [
      "a reduction of all axes",
      { nodes: [node("ReduceMax", ["x"], ["m"], { keepdims: 0 }), node("Div", ["x", "m"], ["y"])] },
      /^ReduceMax reduces over the axis of the rows \(node ReduceMax:m\), and output y depends on it$/,
    ],
    [
      "a reduction over the rows by a negative axis",
      { nodes: [node("ReduceMean", ["x"], ["m"], {}, { axes: [-2] }), node("Sub", ["x", "m"], ["y"])] },
      /ReduceMean reduces over the axis of the rows/,
    ],
    [
      "a number for each row that meets features",
      {
        x: ["N", "K"],
        nodes: [
          node("ReduceMax", ["x"], ["m"], { keepdims: 0 }, { axes: [1] }),
          node("Sub", ["x", "m"], ["y"]),
        ],
      },
      /Sub puts the row axis of one operand beside another axis/,
    ],
    [
      "a constant with as many rows as a batch may have",
      { nodes: [node("Add", ["x", "w"], ["y"])], constants: [weights("w", [8, 4])] },
      /Add combines rows with an operand that has 8 of its own/,
    ],
    [
      "a softmax of rows",
      { nodes: [node("Softmax", ["x"], ["y"], { axis: 0 })] },
      /Softmax works along the axis of the rows/,
    ],
    [
      "a product of rows with rows",
      { nodes: [node("Transpose", ["x"], ["t"]), node("MatMul", ["x", "t"], ["y"])] },
      /MatMul multiplies each row with every other/,
    ],
    [
      "a transposed product",
      { nodes: [node("Gemm", ["x", "w"], ["y"], { transA: 1 })], constants: [weights("w", [1, 4])] },
      /Gemm sums over the axis of the rows/,
    ],
    [
      "a sum so far",
      { nodes: [node("CumSum", ["x", "first"], ["y"])], constants: [scalar("first", 0)] },
      /CumSum adds up along the axis of the rows/,
    ],
    [
      "a reshape that mixes rows with features",
      { x: ["N", 3], nodes: [node("Reshape", ["x", "s"], ["y"])], constants: [list("s", [-1, 2])] },
      /Reshape has a size that cannot be told/,
    ],
    [
      "a reshape to one row",
      { nodes: [node("Reshape", ["x", "s"], ["y"])], constants: [list("s", [1, -1])] },
      /output y has its rows on axis 1 of \[1, 4\*N\]/,
    ],
    [
      "an axis dropped because there is one row",
      { nodes: [node("Squeeze", ["x"], ["y"])] },
      /Squeeze drops every axis of size one/,
    ],
    [
      "rows cut",
      {
        nodes: [node("Slice", ["x", "zero", "one"], ["y"])],
        constants: [list("zero", [0]), list("one", [1])],
      },
      /Slice cuts the axis of the rows/,
    ],
    [
      "a scale of the whole tensor",
      {
        nodes: [
          node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
          node("DequantizeLinear", ["q", "s", "z"], ["y"]),
        ],
      },
      /DynamicQuantizeLinear takes its scale from all rows of a batch/,
    ],
    [
      "a training batch normalisation",
      {
        x: ["N", 2, 4],
        nodes: [node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y"], { training_mode: 1 })],
        constants: ["s", "b", "m", "v"].map((name) => weights(name, [2])),
      },
      /BatchNormalization takes mean and variance of the whole batch/,
    ],
    [
      "a division by how many rows there are",
      {
        nodes: [
          node("Shape", ["x"], ["s"]),
          node("Gather", ["s", "zero"], ["n"]),
          node("Cast", ["n"], ["f"], { to: 1 }),
          node("Div", ["x", "f"], ["y"]),
        ],
        constants: [scalar("zero", 0)],
      },
      /Div computes with the number of rows in a batch/,
    ],
    [
      "numbers of rows",
      {
        x: ["N", 1],
        nodes: [
          node("Shape", ["x"], ["s"]),
          node("Gather", ["s", "zero"], ["n"]),
          node("Range", ["zero", "n", "one"], ["r"]),
          node("Add", ["x", "r"], ["y"]),
        ],
        constants: [scalar("zero", 0), scalar("one", 1)],
      },
      /Range numbers the rows of a batch/,
    ],
    [
      "what is drawn",
      { nodes: [node("RandomNormalLike", ["x"], ["y"])] },
      /RandomNormalLike draws its values anew/,
    ],
    [
      "values picked out",
      { nodes: [node("NonZero", ["x"], ["y"])] },
      /NonZero answers as many elements as the values of all rows say/,
    ],
    [
      "an operator of nobody's",
      { nodes: [node("Frobnicate", ["x"], ["y"])] },
      /Frobnicate is an operator that is not known/,
    ],
    [
      "a second output without rows",
      {
        nodes: [node("Relu", ["x"], ["y"]), node("Identity", ["w"], ["z"])],
        constants: [weights("w", [3])],
        outputs: ["y", "z"],
      },
      /output z has no row axis: it is the same for all rows/,
    ],
    [
      "sequences whose steps are rows",
      {
        x: ["N", 1, 4],
        nodes: [node("RNN", ["x", "w", "r"], ["y"], { hidden_size: 2 })],
        constants: [weights("w", [1, 2, 4]), weights("r", [1, 2, 2])],
      },
      /RNN steps along the axis of the rows/,
    ],
  ])("does not prove %s", (_, graph, reason) => {
    expect(analyse(graph)).toMatchObject({ proven: false, reason: expect.stringMatching(reason) });
  });

  it("settles a graph of 10,000 nodes", () => {
    const layers = 1_250;
    const nodes = Array.from({ length: layers }, (_, layer) => layerOf(layer, layer === layers - 1)).flat();
    expect(nodes.length).toBe(10_000);
    const constants = [weights("w", [4, 4]), list("zero", [0]), list("rest", [2, -1])];
    expect(analyse({ nodes, constants })).toEqual({ proven: true });
  });

  it("names the node and says whether it mixes rows or is unknown", () => {
    const mixing = analyse({ nodes: [node("ReduceMax", ["x"], ["m"]), node("Sub", ["x", "m"], ["y"])] });
    expect(mixing).toMatchObject({ cause: { verdict: "mixes", opType: "ReduceMax", node: "ReduceMax:m" } });
    const other = analyse({ nodes: [node("Frobnicate", ["x"], ["y"])] });
    expect(other).toMatchObject({ cause: { verdict: "unknown", opType: "Frobnicate" } });
  });
});

/** Eight nodes over `[N, 4]`: a dense layer, heads by the shape as exporters write it, and back. */
function layerOf(layer: number, last: boolean): NodeProto[] {
  const [from, to] = [layer === 0 ? "x" : `h${layer - 1}`, last ? "y" : `h${layer}`];
  const own = (name: string) => `${name}${layer}`;
  return [
    node("MatMul", [from, "w"], [own("a")]),
    node("Relu", [own("a")], [own("b")]),
    node("Shape", [own("b")], [own("s")]),
    node("Gather", [own("s"), "zero"], [own("n")]),
    node("Concat", [own("n"), "rest"], [own("t")], { axis: 0 }),
    node("Reshape", [own("b"), own("t")], [own("r")]),
    node("Softmax", [own("r")], [own("p")], { axis: -1 }),
    node("Flatten", [own("p")], [to]),
  ];
}
