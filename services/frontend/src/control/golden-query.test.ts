import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ArchitectureSchema, ModelInferRequestSchema, ModelInferResponseSchema } from "@infaas/api";
import { goldenQuery } from "./golden-query";

const floats = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const architecture = create(ArchitectureSchema, {
  inputs: [
    { name: "x", datatype: "FP32", shape: [-1n] },
    { name: "ids", datatype: "INT64", shape: [1n] },
    { name: "s", datatype: "FP32", shape: [1n], optional: true },
  ],
  outputs: [
    { name: "y", datatype: "FP32", shape: [-1n] },
    { name: "z", datatype: "FP16", shape: [1n] },
  ],
});
const x = { name: "x", datatype: "FP32", shape: [2n] };
const ids = { name: "ids", datatype: "INT64", shape: [1n] };
const y = { name: "y", datatype: "FP32", shape: [3n] };
const z = { name: "z", datatype: "FP16", shape: [1n] };
const id = new Uint8Array(BigInt64Array.of(7n).buffer);
/** 2 in half precision. */
const two = Uint8Array.of(0, 0x40);

function read(
  request: MessageInitShape<typeof ModelInferRequestSchema>,
  answer: MessageInitShape<typeof ModelInferResponseSchema> = {
    outputs: [z, y],
    rawOutputContents: [two, floats(1, Number.NaN, -9)],
  },
) {
  return goldenQuery(
    toBinary(ModelInferRequestSchema, create(ModelInferRequestSchema, request)),
    toBinary(ModelInferResponseSchema, create(ModelInferResponseSchema, answer)),
    architecture,
  );
}

describe("goldenQuery", () => {
  const whole = { inputs: [ids, x], rawInputContents: [id, floats(1, 2)] };

  it("has tensors in the architecture's order, and the largest finite number", () => {
    expect(read(whole)).toMatchObject({
      inputs: [floats(1, 2), id],
      shapes: [{ dims: [2n] }, { dims: [1n] }],
      outputs: [floats(1, Number.NaN, -9), two],
      magnitude: 9,
    });
  });

  it("reads typed contents", () => {
    const typed = [
      { ...ids, contents: { int64Contents: [7n] } },
      { ...x, contents: { fp32Contents: [1, 2] } },
    ];
    expect(read({ inputs: typed })).toMatchObject({ inputs: [floats(1, 2), id] });
  });

  it.each<[string, Parameters<typeof read>]>([
    [
      "a value in place of a default",
      [{ inputs: [ids, x, { ...x, name: "s" }], rawInputContents: [id, floats(1, 2), floats(3, 4)] }],
    ],
    ["an input in shared memory", [{ inputs: [ids, x], rawInputContents: [id] }]],
    ["some of the outputs alone", [whole, { outputs: [y], rawOutputContents: [floats(1, 2, 3)] }]],
    ["an output in shared memory", [whole, { outputs: [z, y], rawOutputContents: [two, floats()] }]],
    ["a size that is not the shape's", [{ inputs: [ids, x], rawInputContents: [id, floats(1)] }]],
  ])("is none with %s", (_what, messages) => {
    expect(read(...messages)).toBeNull();
  });
});
