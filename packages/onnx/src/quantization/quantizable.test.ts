import type { NodeProto, TensorProto } from "@infaas/api";
import { constantTensor } from "../file/float-tensor";
import { createNode } from "../file/node";
import { convolutionModel, denseModel, fixtureModel } from "../testing/dense-models";
import { findQuantizable } from "./quantizable";

const steadyOnly = { steadyOnly: true };

const square = (name: string) => constantTensor(name, [4, 4], new Float32Array(16).fill(0.5));

function found(nodes: readonly NodeProto[], constants: readonly TensorProto[]): (string | undefined)[] {
  const { graph } = fixtureModel({ nodes, constants, input: ["N", 4], output: ["N", 4] });
  return findQuantizable(graph, steadyOnly).map(({ node }) => node.output[0]);
}

describe("findQuantizable", () => {
  it("finds dense layers, whose answers stay floats", () => {
    const nodes = findQuantizable(denseModel([8, 8, 4]).graph, steadyOnly);
    expect(
      nodes.map(({ activation, channelAxis, quantizedOutput }) => [activation, channelAxis, quantizedOutput]),
    ).toEqual([
      ["x", 1, null],
      ["r0", 1, null],
    ]);
  });

  it("quantises the answer of a convolution after the Relu that alone reads it", () => {
    const nodes = findQuantizable(convolutionModel({ channels: 4, size: 8 }).graph, steadyOnly);
    expect(nodes.map(({ activation, quantizedOutput }) => [activation, quantizedOutput])).toEqual([
      ["x", "r0"],
      ["r0", "r1"],
      ["f", null],
    ]);
  });

  it("quantises the answer of a convolution itself when something else reads it too", () => {
    const model = convolutionModel({ channels: 4, size: 8 });
    model.graph.node.push(createNode("Identity", { inputs: ["c0"], outputs: ["z"] }));
    expect(findQuantizable(model.graph, steadyOnly)[0]!.quantizedOutput).toBe("c0");
  });

  it("takes the output channels of transposed weights from the first axis", () => {
    const gemm = createNode("Gemm", { inputs: ["x", "w"], outputs: ["y"] }, { transB: 1 });
    const { graph } = fixtureModel({
      nodes: [gemm],
      constants: [square("w")],
      input: ["N", 4],
      output: ["N", 4],
    });
    expect(findQuantizable(graph, steadyOnly)[0]!.channelAxis).toBe(0);
  });

  it.each([
    ["a product of two activations", createNode("MatMul", { inputs: ["x", "x"], outputs: ["y"] })],
    ["a transposed activation", createNode("Gemm", { inputs: ["x", "w"], outputs: ["y"] }, { transA: 1 })],
    ["a bias that is computed", createNode("Gemm", { inputs: ["x", "w", "x"], outputs: ["y"] })],
    ["a bias that is no row of channels", createNode("Gemm", { inputs: ["x", "w", "w"], outputs: ["y"] })],
    ["integer weights", createNode("MatMul", { inputs: ["x", "i"], outputs: ["y"] })],
  ])("leaves %s alone", (_, node) => {
    expect(found([node], [square("w"), constantTensor("i", [4, 4], new Int32Array(16))])).toEqual([]);
  });

  describe("behind an operator that stays in floating point and answers other bits among other rows", () => {
    it.each(["LSTM", "ReduceSum", "MadeUpOperator"])(
      "leaves alone what follows %s, and takes what does not",
      (opType) => {
        const nodes = [
          createNode(opType, { inputs: ["x", "w", "w"], outputs: ["h"] }),
          createNode("Relu", { inputs: ["h"], outputs: ["r"] }),
          createNode("MatMul", { inputs: ["r", "w"], outputs: ["behind"] }),
          createNode("MatMul", { inputs: ["x", "w"], outputs: ["beside"] }),
        ];
        expect(found(nodes, [square("w")])).toEqual(["beside"]);
      },
    );

    it("takes it all the same when rows will not share a batch", () => {
      const nodes = [
        createNode("ReduceSum", { inputs: ["x"], outputs: ["h"] }),
        createNode("MatMul", { inputs: ["h", "w"], outputs: ["y"] }),
      ];
      const { graph } = fixtureModel({ nodes, constants: [square("w")], input: ["N", 4], output: ["N", 4] });
      expect(findQuantizable(graph, { steadyOnly: false })).toHaveLength(1);
    });
  });
});
