import type { NodeProto } from "@infaas/api";
import { constantTensor, ElementType } from "../file/float-tensor";
import { decodeModel } from "../file/model-file";
import { createNode } from "../file/node";
import { graphFile, intsAttribute } from "../testing/graph-models";
import { findAxisConstraints } from "./axis-constraints";

const node = (opType: string, inputs: string[], attributes: NodeProto["attribute"] = [], outputs = ["y"]) => {
  const made = createNode(opType, { inputs, outputs });
  made.attribute.push(...attributes);
  return made;
};
const floats = (name: string, dims: number[]) =>
  constantTensor(name, dims, new Float32Array(dims.reduce((all, size) => all * size, 1)));
const whole = (name: string, values: number[]) => ({
  ...constantTensor(name, [values.length], Float32Array.of()),
  dataType: ElementType.int64,
  rawData: new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer),
});

function constraintsOf(
  nodes: NodeProto[],
  inputs: Record<string, (number | string)[]>,
  constants: ReturnType<typeof floats>[] = [],
) {
  const tensors = Object.entries(inputs).map(([name, dims]) => ({ name, datatype: "FP32" as const, dims }));
  const outputs = [{ name: "y", datatype: "FP32" as const, dims: null }];
  const { equal, multiples, same } = findAxisConstraints(
    decodeModel(graphFile({ nodes, inputs: tensors, outputs, constants })),
  );
  return {
    equal: Object.fromEntries(equal),
    multiples: Object.fromEntries(multiples),
    same: Object.fromEntries(same),
  };
}

describe("findAxisConstraints", () => {
  it.each([
    ["a product", [node("MatMul", ["x", "w"])], ["n", "f"], [floats("w", [37, 2])], { f: 37 }],
    [
      "channels of a convolution",
      [node("Conv", ["x", "w"])],
      ["n", "c", "h", "v"],
      [floats("w", [4, 5, 3, 3])],
      { c: 5 },
    ],
    ["a sum with weights", [node("Add", ["x", "w"])], ["n", "f"], [floats("w", [9])], { f: 9 }],
    [
      "a split of stated parts",
      [node("Split", ["x", "p"], [], ["y", "z"])],
      ["n", 4],
      [whole("p", [2, 3])],
      { n: 5 },
    ],
    [
      "a shape without a free axis",
      [node("Reshape", ["x", "s"])],
      [1, "f"],
      [whole("s", [1, 3, 8])],
      { f: 24 },
    ],
    [
      "a product behind other operators",
      [
        createNode("Relu", { inputs: ["x"], outputs: ["a"] }),
        node("Transpose", ["a"], [intsAttribute("perm", [0, 2, 1])], ["b"]),
        node("MatMul", ["b", "w"]),
      ],
      ["n", "f", "t"],
      [floats("w", [11, 2])],
      { f: 11 },
    ],
  ])("tells the one size that %s leaves", (_what, nodes, dims, constants, equal) => {
    expect(constraintsOf(nodes, { x: dims }, constants)).toMatchObject({ equal });
  });

  it("tells multiples, also of a row alone", () => {
    const shape = whole("s", [0, -1, 480]);
    expect(constraintsOf([node("Reshape", ["x", "s"])], { x: ["n", "f"] }, [shape]).multiples).toEqual({
      f: 480,
    });
    const folded = whole("s", [-1, 12]);
    expect(constraintsOf([node("Reshape", ["x", "s"])], { x: ["n", "f", 4] }, [folded]).multiples).toEqual({
      f: 3,
    });
  });

  it("tells axes that are equal, and what one of them must be", () => {
    const joined = node("Concat", ["x", "z"], [], ["c"]);
    joined.attribute.push({ ...intsAttribute("axis", []), type: 2, i: 1n });
    const found = constraintsOf([joined], { x: ["n", "f", "t"], z: ["m", "g", "u"] });
    expect(found.same).toEqual({ n: "m", t: "u" });
  });

  it("says nothing of what is free", () => {
    expect(constraintsOf([node("Relu", ["x"])], { x: ["n", "f"] })).toEqual({
      equal: {},
      multiples: {},
      same: {},
    });
  });
});
