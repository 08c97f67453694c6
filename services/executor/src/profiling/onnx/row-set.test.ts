import type { TensorSignature } from "@infaas/onnx";
import { Code } from "@infaas/runtime";
import { exampleRows } from "./row-set";

const pixels: TensorSignature = { name: "image", datatype: "FP32", shape: [-1, 2] };
const flag: TensorSignature = { name: "flag", datatype: "UINT8", shape: [-1, 1] };
const text: TensorSignature = { name: "text", datatype: "INT64", shape: [-1, -1] };
const whole: TensorSignature = { name: "whole", datatype: "FP32", shape: [1, 2] };

describe("exampleRows", () => {
  it("gathers any rows in any order, and goes round when asked for more than there are", () => {
    const rows = exampleRows([pixels], Buffer.from(Float32Array.of(0, 1, 10, 11).buffer), 2);
    const [bytes] = rows.inputsOf([1, 0, 3]);
    expect([...new Float32Array(Uint8Array.from(bytes!).buffer)]).toEqual([10, 11, 0, 1, 10, 11]);
    expect(rows.dimsOf(3)).toEqual([[3, 2]]);
  });

  it("splits examples that have several inputs side by side", () => {
    const rows = exampleRows([flag, { ...flag, name: "other" }], Buffer.from([1, 2, 3, 4]), 2);
    expect(rows.inputsOf([0, 1]).map((bytes) => [...bytes])).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });

  it("finds the length of a free axis in the size of an example", () => {
    expect(exampleRows([text], Buffer.alloc(3 * 5 * 8), 3).dimsOf(4)).toEqual([[4, 5]]);
  });

  it("keeps a fixed first axis", () => {
    expect(exampleRows([whole], Buffer.alloc(16), 2).dimsOf(1)).toEqual([[1, 2]]);
  });

  it("refuses bytes that are no whole number of rows, with both sizes", () => {
    const fault = {
      code: Code.INVALID_ARGUMENT,
      message: expect.stringContaining("15 bytes for 2 examples"),
    };
    expect(() => exampleRows([pixels], Buffer.alloc(15), 2)).toThrow(expect.objectContaining(fault));
    expect(() => exampleRows([pixels], Buffer.alloc(0), 0)).toThrow("takes 8 bytes each");
  });
});
