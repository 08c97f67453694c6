import { readFileSync } from "node:fs";
import { join } from "node:path";
import { constantTensor } from "../file/float-tensor";
import { decodeModel, type OnnxModel } from "../file/model-file";
import { createNode } from "../file/node";
import { denseModel, fixtureModel } from "../testing/dense-models";
import { planKernels } from "./plan-kernels";

const zoo = (name: string) =>
  decodeModel(readFileSync(join(__dirname, "../../../../zoo/models", `${name}.onnx`)));

type Node = readonly [
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes?: Readonly<Record<string, number>>,
];

/** A model over rows [2, 2] whose constants are named by what they are. */
function modelOf(...nodes: readonly Node[]): OnnxModel {
  return fixtureModel({
    nodes: nodes.map(([op, inputs, output, attributes]) =>
      createNode(op, { inputs, outputs: [output] }, attributes),
    ),
    constants: [
      constantTensor("half", [], Float32Array.of(0.5)),
      constantTensor("row", [1, 2, 2], Float32Array.of(1, 2, 3, 4)),
      constantTensor("pair", [2], Float32Array.of(1, 2)),
      constantTensor("five", [1, 1, 1, 1, 1], Float32Array.of(5)),
      constantTensor("w", [4, 2], Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
      constantTensor("wT", [2, 4], Float32Array.of(1, 3, 5, 7, 2, 4, 6, 8)),
      constantTensor("integers", [2], Int32Array.of(1, 2)),
    ],
    input: ["N", 2, 2],
    output: ["N", 2],
  });
}

function planned(model: OnnxModel) {
  const planning = planKernels(model);
  if (!planning.possible) throw new Error(planning.reason);
  return planning.network;
}

const flat: Node = ["Flatten", ["x"], "f"];

describe("planKernels", () => {
  it("makes one step of each layer of a zoo MLP, and one of what scales its input", () => {
    const { input, output, steps } = planned(zoo("digits-mlp-s"));
    expect(input).toEqual({ name: "image", batchAxis: "N", rowDims: [1, 8, 8] });
    expect(output).toEqual({ name: "logits", batchAxis: "N", rowDims: [10] });
    expect(steps.map(({ kind }) => kind)).toEqual(["affine", "dense", "dense"]);
    expect(steps.map((step) => step.kind === "dense" && step.relu)).toEqual([false, true, false]);
  });

  it.each(["digits-logreg", "digits-mlp-l"])("runs %s", (name) => {
    expect(planKernels(zoo(name)).possible).toBe(true);
  });

  it.each([
    ["digits-cnn-s", "operator Conv is not run"],
    ["langid-pairs", "input characters is not float32"],
  ])("does not run %s, and says why", (name, reason) => {
    expect(planKernels(zoo(name))).toEqual({ possible: false, reason });
  });

  it("lays weights out by inputs, whichever way the file has them", () => {
    const one = planned(modelOf(flat, ["Gemm", ["f", "w"], "y"]));
    const other = planned(modelOf(flat, ["Gemm", ["f", "wT"], "y", { transB: 1 }]));
    expect(other).toEqual(one);
    expect([...one.constants]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it("makes an Add behind a MatMul its bias, and one of each number where there is one for all", () => {
    const each = planned(modelOf(flat, ["MatMul", ["f", "w"], "m"], ["Add", ["pair", "m"], "y"]));
    expect(each.steps).toEqual([
      {
        kind: "dense",
        ins: 4,
        outs: 2,
        weights: { offset: 0, count: 8 },
        bias: { offset: 8, count: 2 },
        relu: false,
      },
    ]);
    const same = planned(modelOf(flat, ["MatMul", ["f", "w"], "m"], ["Add", ["m", "half"], "y"]));
    expect([...same.constants.subarray(8)]).toEqual([0.5, 0.5]);
  });

  it("keeps what stands before a layer, and a Relu that follows none", () => {
    const { steps, constants } = planned(
      modelOf(["Sub", ["x", "row"], "s"], ["Mul", ["half", "s"], "m"], ["Relu", ["m"], "y"]),
    );
    expect(steps).toEqual([
      { kind: "affine", width: 4, factors: null, offsets: { offset: 0, count: 4 } },
      { kind: "affine", width: 4, factors: { offset: 4, count: 1 }, offsets: null },
      { kind: "relu", width: 4 },
    ]);
    expect([...constants]).toEqual([-1, -2, -3, -4, 0.5]);
  });

  it.each<[string, readonly Node[], string]>([
    ["another operator", [["Softmax", ["x"], "y"]], "operator Softmax is not run"],
    [
      "a branch",
      [
        ["Relu", ["x"], "r"],
        ["Add", ["r", "x"], "y"],
      ],
      "Add with two computed inputs is not run",
    ],
    ["a square", [["Mul", ["x", "x"], "y"]], "operator Mul of y does not follow the one before it alone"],
    [
      "what follows an older value",
      [
        ["Relu", ["x"], "r"],
        ["Relu", ["x"], "y"],
      ],
      "operator Relu of y does not follow the one before it alone",
    ],
    [
      "a constant minus rows",
      [["Sub", ["half", "x"], "y"]],
      "operator Sub of y takes what is computed as another input than its first",
    ],
    [
      "a constant that spreads over part of a row",
      [["Mul", ["x", "pair"], "y"]],
      "Mul of rows [2,2] and a constant of [2] is not run",
    ],
    [
      "a constant that adds axes",
      [["Mul", ["x", "five"], "y"]],
      "Mul of rows [2,2] and a constant of [1,1,1,1,1] is not run",
    ],
    [
      "weights for other rows",
      [["MatMul", ["x", "w"], "y"]],
      "MatMul of rows [2,2] and weights [4,2] is not run",
    ],
    [
      "a scaled Gemm",
      [flat, ["Gemm", ["f", "w"], "y", { transA: 1 }]],
      "Gemm with alpha, beta or transA is not run",
    ],
    ["another Flatten", [["Flatten", ["x"], "y", { axis: 2 }]], "Flatten at axis 2 is not run"],
    ["integers", [["Add", ["x", "integers"], "y"]], "constant integers is not float32, or in another file"],
    ["an output in the middle", [["Relu", ["x"], "r"]], "output y is not what its last operator gives"],
    ["nothing computed", [["Identity", ["x"], "y"]], "it computes nothing"],
  ])("does not run %s", (_, nodes, reason) => {
    expect(planKernels(modelOf(...nodes))).toEqual({ possible: false, reason });
  });

  it("does not run what callers may replace, what has a fixed first axis, or what is too old", () => {
    const optional = denseModel([4, 3]);
    optional.graph.input.push({ ...optional.graph.input[0]!, name: "w0" });
    expect(planKernels(optional)).toEqual({
      possible: false,
      reason: "callers may send w0 in place of a default",
    });
    const relu = [createNode("Relu", { inputs: ["x"], outputs: ["y"] })];
    const fixed = fixtureModel({ nodes: relu, constants: [], input: [1, 4], output: [1, 4] });
    expect(planKernels(fixed)).toEqual({
      possible: false,
      reason: "input x must have a free first axis and no other",
    });
    const old = denseModel([4, 3]);
    old.opsetImport[0]!.version = 6n;
    expect(planKernels(old)).toEqual({
      possible: false,
      reason: "operator set 6 is not run, from 7 on they are",
    });
  });
});
