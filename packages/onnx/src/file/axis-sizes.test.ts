import { candidateSizes, shapesWith } from "./axis-sizes";
import type { TensorSignature } from "./signature";

const ids: TensorSignature = {
  name: "ids",
  datatype: "INT64",
  shape: [-1, -1],
  symbols: ["batch", "length"],
};
const mask: TensorSignature = { ...ids, name: "mask" };
const sound: TensorSignature = { name: "sound", datatype: "FP32", shape: [-1, -1] };
const state: TensorSignature = { name: "state", datatype: "FP32", shape: [2, -1, 128] };

const shapesOf = (inputs: readonly TensorSignature[], told: Record<string, number> = {}) =>
  [...candidateSizes(inputs, new Map(Object.entries(told)))].map((sizes) => shapesWith(inputs, sizes));

describe("candidateSizes", () => {
  it("gives axes of one name one size, and begins with one row", () => {
    const shapes = shapesOf([ids, mask]);
    expect(shapes[0]).toEqual([
      [1, 64],
      [1, 64],
    ]);
    for (const [first, second] of shapes) expect(second).toEqual(first);
  });

  it("takes a batch that is named on a later axis for the batch", () => {
    const named = { ...state, symbols: ["", "batch", ""] };
    expect(shapesOf([ids, named])[0]?.[1]).toEqual([2, 1, 128]);
  });

  it("mixes the sizes of nameless axes, so that a state beside a sequence is found", () => {
    expect(shapesOf([sound, state])).toContainEqual([
      [1, 512],
      [2, 1, 128],
    ]);
  });

  it("tries more than one on the first axis last of all", () => {
    const shapes = shapesOf([{ name: "x", datatype: "FP32", shape: [-1, 4] }]);
    expect(shapes.map(([shape]) => shape)).toEqual([
      [1, 4],
      [16, 4],
      [64, 4],
      [128, 4],
    ]);
  });

  it("keeps to what it is told", () => {
    for (const [shape] of shapesOf([sound], { "sound.1": 576, "sound.0": 1 }))
      expect(shape).toEqual([1, 576]);
  });
});
