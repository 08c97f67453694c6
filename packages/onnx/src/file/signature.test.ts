import { denseModel, fixtureModel } from "../testing/dense-models";
import {
  answeredSignature,
  expectNamedOutputs,
  findBatchAxis,
  readInputs,
  readSignature,
  type TensorSignature,
  type ToldOutput,
} from "./signature";

describe("readSignature", () => {
  it("tells names, datatypes and shapes, with -1 for a free axis", () => {
    expect(readSignature(denseModel([4, 3]))).toEqual({
      inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4], symbols: ["N", ""] }],
      outputs: [{ name: "y", datatype: "FP32", shape: [-1, 3], symbols: ["N", ""] }],
    });
  });

  it("does not take a constant that is listed as an input for an input", () => {
    const model = denseModel([4, 3]);
    model.graph.input.push({ ...model.graph.input[0]!, name: "w0" });
    expect(readSignature(model).inputs.map(({ name }) => name)).toEqual(["x"]);
  });

  it("takes a model without inputs, and refuses one of more inputs than a request may have", () => {
    const model = denseModel([4, 3]);
    const [x] = model.graph.input;
    model.graph.input = [];
    expect(readInputs(model)).toEqual([]);
    model.graph.input = Array.from({ length: 1_500 }, (_, i) => ({ ...x!, name: `x${i}` }));
    expect(() => readInputs(model)).toThrow("model has 1500 inputs, a request may have 1024");
  });

  it("takes a tensor that does not say how many axes it has", () => {
    const shapeless = denseModel([4, 3]);
    delete shapeless.graph.input[0]!.type!.tensorType!.shape;
    const { inputs } = readSignature(shapeless);
    expect(inputs).toEqual([{ name: "x", datatype: "FP32", shape: [], anyRank: true }]);
    const reason = "input x does not say how many axes it has";
    expect(findBatchAxis(inputs)).toEqual({ present: false, reason });
  });

  it("refuses a tensor of an unknown type", () => {
    const untyped = denseModel([4, 3]);
    untyped.graph.output[0]!.type!.tensorType!.elemType = 99;
    expect(() => readSignature(untyped)).toThrow("output y has element type 99");
    expect(() => expectNamedOutputs(untyped)).not.toThrow();
  });

  it.each([
    [17, "is FLOAT8E4M3FN", "states FP32"],
    [22, "is INT4", "states INT8"],
  ])("says how a datatype without a name is served: element type %i", (elemType, is, states) => {
    const model = denseModel([4, 3]);
    model.graph.output[0]!.type!.tensorType!.elemType = elemType;
    for (const read of [readSignature, expectNamedOutputs]) {
      expect(() => read(model)).toThrow(`output y ${is}`);
      expect(() => read(model)).toThrow(`${states} for it takes the model with a cast`);
    }
  });
});

describe("findBatchAxis", () => {
  it.each([
    [["N", 4], { present: true }],
    [[1, 4], { present: false, reason: "input x has a first axis fixed at 1; a batch axis is free" }],
    [
      [2, "N", 4],
      {
        present: false,
        reason:
          "input x has a first axis fixed at 2; axis 1 is free, but batches are made along first axes alone",
      },
    ],
    [[], { present: false, reason: "input x is a scalar and has no batch axis" }],
  ])("finds for input %j: %j", (input, expected) => {
    const model = fixtureModel({ nodes: [], constants: [], input, output: ["N", 3] });
    expect(findBatchAxis(readInputs(model))).toEqual(expected);
  });
});

describe("answeredSignature", () => {
  const declared = (dims: readonly number[]) => [{ name: "y", datatype: "FP32", dims }];
  it.each([
    ["keeps what was declared and came", [-1, 3], [1, 3], [-1, 3]],
    ["frees an axis that came out in another size", [-1, 5], [1, 3], [-1, -1]],
    ["takes the number of axes from the answer", [], [1, 3], [-1, -1]],
    ["frees an empty axis", [0, 4], [0, 4], [-1, 4]],
  ])("%s", (_, dims, answered, shape) => {
    expect(answeredSignature(declared(dims), [answered], [])).toEqual([
      { name: "y", datatype: "FP32", shape },
    ]);
  });

  it("says of an output without a number of axes how many it has only where all inputs have theirs", () => {
    const output: ToldOutput = { name: "y", datatype: "FP32", dims: [], anyRank: true };
    const input = (more: object): TensorSignature => ({
      name: "x",
      datatype: "FP32",
      shape: [-1, 3],
      ...more,
    });
    const [known] = answeredSignature([output], [[1, 3]], [input({})]);
    const [unknown] = answeredSignature([output], [[1, 3]], [input({ shape: [], anyRank: true })]);
    expect(known).toEqual({ name: "y", datatype: "FP32", shape: [-1, -1] });
    expect(unknown).toMatchObject({ anyRank: true });
  });
});
