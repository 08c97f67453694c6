import { describeModel } from "./describe-model";
import { constantTensor } from "./file/float-tensor";
import { createNode } from "./file/node";
import { denseModel, fixtureModel } from "./testing/dense-models";

describe("describeModel", () => {
  it("tells what a file of dense layers is registered as", () => {
    const told = describeModel(denseModel([4, 8, 3]));
    expect(told).toMatchObject({
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1, 3] }],
      optionalInputs: [],
      irVersion: 8,
      opsets: { "ai.onnx": 17 },
      unbatchableReason: "",
      drawsAnswers: false,
    });
    expect(told.int8).toMatchObject({ possible: true, unbatchableReason: "" });
  });

  it("names the operator at which rows meet", () => {
    const nodes = [
      createNode("ReduceSum", { inputs: ["x"], outputs: ["sum"] }, { keepdims: 1 }),
      createNode("Sub", { inputs: ["x", "sum"], outputs: ["y"] }),
    ];
    const told = describeModel(fixtureModel({ nodes, constants: [], input: ["N", 4], output: ["N", 4] }));
    expect(told.unbatchableReason).toMatch(/^ReduceSum .*output y depends on it$/);
    expect(told.int8).toMatchObject({
      possible: false,
      reason: "there is no MatMul, Gemm or Conv with constant weights",
    });
  });

  it("tells an input that may be left out, and that it rules out int8", () => {
    const model = denseModel([4, 3]);
    model.graph.input.push({ ...model.graph.input[0]!, name: model.graph.initializer[0]!.name! });
    const told = describeModel(model);
    expect(told.optionalInputs.map(({ name }) => name)).toEqual([model.graph.initializer[0]!.name]);
    expect(told.int8).toMatchObject({
      possible: false,
      reason: expect.stringContaining("in place of a default"),
    });
  });

  it("says when the first axis is fixed", () => {
    const bias = constantTensor("b", [4], new Float32Array(4));
    const nodes = [createNode("Add", { inputs: ["x", "b"], outputs: ["y"] })];
    const told = describeModel(fixtureModel({ nodes, constants: [bias], input: [1, 4], output: [1, 4] }));
    expect(told.unbatchableReason).toBe("input x has a first axis fixed at 1; a batch axis is free");
  });
});
