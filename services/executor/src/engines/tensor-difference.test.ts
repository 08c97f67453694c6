import { readNumbers } from "@infaas/api";
import { largestDifference } from "./tensor-difference";

function bytesOf(...values: number[]): Uint8Array {
  return new Uint8Array(Uint16Array.from(values).buffer);
}

describe("readNumbers", () => {
  it("reads 16-bit floats of both kinds", () => {
    const half = bytesOf(0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0x8000);
    expect(Array.from(readNumbers("FP16", half)!)).toEqual([
      1,
      -2,
      65_504,
      2 ** -24,
      Number.POSITIVE_INFINITY,
      -0,
    ]);
    const brain = bytesOf(0x3f80, 0xc040, 0x7f80);
    expect(Array.from(readNumbers("BF16", brain)!)).toEqual([1, -3, Number.POSITIVE_INFINITY]);
  });

  it("has none for strings", () => {
    expect(readNumbers("BYTES", new Uint8Array(4))).toBeNull();
  });
});

describe("largestDifference", () => {
  it.each([
    ["FP16", bytesOf(0x3c00), bytesOf(0x3c01), 2 ** -10],
    ["BF16", bytesOf(0x3f80), bytesOf(0x3f81), 2 ** -7],
    ["FP16", bytesOf(0x7e00), bytesOf(0x7e01), 0],
    ["BYTES", bytesOf(1), bytesOf(1), 0],
    ["BYTES", bytesOf(1), bytesOf(2), Number.POSITIVE_INFINITY],
    ["FP16", bytesOf(1), bytesOf(1, 2), null],
    ["FP32", new Uint8Array(3), new Uint8Array(3), null],
    ["FP32", new Uint8Array(0), new Uint8Array(0), 0],
  ])("of %s", (datatype, a, b, expected) => {
    expect(largestDifference(datatype, a, b)).toBe(expected);
  });
});
