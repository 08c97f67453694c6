import type { DataType } from "@infaas/api";
import { readNumbers } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { randomRows } from "./random-rows";

const pixels: TensorSignature = { name: "image", datatype: "FP32", shape: [-1, 64] };
const named = (name: string, datatype: DataType, shape: readonly number[] = [-1, 8]): TensorSignature => {
  return { name, datatype, shape };
};
/** Values of one row of a model with this one input. */
const valuesOf = (input: TensorSignature, row = 0, integersBelow = 2) => {
  const [bytes] = randomRows([input], { integersBelow }).inputsOf([row]);
  return Array.from(readNumbers(input.datatype, bytes!) ?? [], Number);
};

describe("randomRows", () => {
  it("makes the same rows every time, and different rows", () => {
    const rows = randomRows([pixels]);
    expect(randomRows([pixels]).inputsOf([7])).toEqual(rows.inputsOf([7]));
    expect(rows.inputsOf([8])).not.toEqual(rows.inputsOf([7]));
  });

  it("makes rows of different magnitude, so that a scale taken from a whole batch shows", () => {
    const largest = (row: number) => Math.max(...valuesOf(pixels, row).map(Math.abs));
    expect(largest(0)).toBeGreaterThan(2 * largest(1));
    expect(largest(1)).toBeGreaterThan(2 * largest(2));
    expect(largest(3)).toBeGreaterThan(2 * largest(1));
  });

  it("makes integers below what it is told", () => {
    expect(new Set(valuesOf(named("ids", "INT64", [-1, 500]), 0, 3))).toEqual(new Set([0, 1, 2]));
    expect(new Set(valuesOf(named("ids", "UINT8"), 0, 1))).toEqual(new Set([0]));
  });

  it.each([
    ["attention_mask", "INT64", 1],
    ["src_mask", "BOOL", 1],
    ["token_type_ids", "INT64", 0],
    ["x_lengths", "INT32", 8],
    ["sr", "INT64", 16_000],
  ] as const)("fills %s of %s with the only value that makes sense: %d", (name, datatype, value) => {
    expect(new Set(valuesOf(named(name, datatype)))).toEqual(new Set([value]));
  });

  it("writes half precision: one is one, and the rest stays within it", () => {
    const [mask] = randomRows([named("mask", "FP16", [-1, 1])]).inputsOf([0]);
    expect(mask!.readUInt16LE()).toBe(0x3c00);
    const [halves] = randomRows([named("x", "FP16", [-1, 4])]).inputsOf([0]);
    for (let at = 0; at < 8; at += 2) expect(halves!.readUInt16LE(at) & 0x7fff).toBeLessThan(0x3c00);
  });

  it("makes words, each behind its length", () => {
    const [bytes] = randomRows([named("text", "BYTES", [-1, 2])]).inputsOf([0]);
    expect(bytes!.readUInt32LE()).toBe(6);
    expect(bytes!.toString("latin1", 4, 10)).toMatch(/^[a-z]{6}$/);
    expect(bytes!.readUInt32LE(10)).toBe(6);
  });

  it("says what is missing when nothing tells how long a row is", () => {
    expect(() => randomRows([named("text", "INT64", [-1, -1])])).toThrow(
      "input text has a free axis after the first",
    );
  });
});
