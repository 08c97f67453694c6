import { denseModel, fixtureModel } from "./model-fixture";
import { findBatchAxis, readSignature } from "./signature";

describe("readSignature", () => {
  it("tells names, datatypes and shapes, with -1 for a free axis", () => {
    expect(readSignature(denseModel([4, 3]))).toEqual({
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1, 3] }],
    });
  });

  it("does not take a constant that is listed as an input for an input", () => {
    const model = denseModel([4, 3]);
    model.graph.input.push({ ...model.graph.input[0]!, name: "w0" });
    expect(readSignature(model).inputs.map(({ name }) => name)).toEqual(["x"]);
  });

  it("refuses a tensor without a shape and one of an unknown type", () => {
    const shapeless = denseModel([4, 3]);
    delete shapeless.graph.input[0]!.type!.tensorType!.shape;
    expect(() => readSignature(shapeless)).toThrow("input x has no shape");
    const untyped = denseModel([4, 3]);
    untyped.graph.output[0]!.type!.tensorType!.elemType = 99;
    expect(() => readSignature(untyped)).toThrow("output y has element type 99");
  });
});

describe("findBatchAxis", () => {
  it.each([
    [["N", 4], ["N", 3], { present: true }],
    [
      [1, 4],
      ["N", 3],
      { present: false, reason: "input x has a first axis fixed at 1; a batch axis is free" },
    ],
    [["N", 4], [], { present: false, reason: "output y is a scalar and has no batch axis" }],
  ])("finds for input %j and output %j: %j", (input, output, expected) => {
    const model = fixtureModel({ nodes: [], constants: [], input, output });
    expect(findBatchAxis(readSignature(model))).toEqual(expected);
  });
});
