import { create } from "@bufbuild/protobuf";
import { AttributeProtoSchema, GraphProtoSchema, type NodeProto, type TensorProto } from "@infaas/api";
import { constantTensor } from "../file/float-tensor";
import { createNode } from "../file/node";
import { fixtureModel } from "../testing/dense-models";
import { drawsValues } from "./draws-values";

const BOOL = 9;
const truth = (name: string, value: number): TensorProto => ({
  ...constantTensor(name, [], new Float32Array(1)),
  dataType: BOOL,
  rawData: Uint8Array.of(value),
});
const dropout = createNode("Dropout", { inputs: ["x", "", "training"], outputs: ["y"] });

function draws(nodes: NodeProto[], constants: TensorProto[] = []): boolean {
  return drawsValues(fixtureModel({ nodes, constants, input: ["N", 4], output: ["N", 4] }));
}

/** `value` as the node `Constant` holds it. */
function constantNode(value: TensorProto): NodeProto {
  const node = createNode("Constant", { inputs: [], outputs: [value.name ?? ""] });
  node.attribute = [create(AttributeProtoSchema, { name: "value", t: value })];
  return node;
}

/** An If whose branches hold these nodes. */
function branches(nodes: NodeProto[]): NodeProto {
  const node = createNode("If", { inputs: ["cond"], outputs: ["y"] });
  const g = create(GraphProtoSchema, { node: nodes, output: [{ name: "y" }] });
  node.attribute = ["then_branch", "else_branch"].map((name) => create(AttributeProtoSchema, { name, g }));
  return node;
}

describe("drawsValues", () => {
  it.each([
    "Bernoulli",
    "Multinomial",
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
  ])("is so of %s", (opType) => {
    expect(draws([createNode(opType, { inputs: ["x"], outputs: ["y"] })])).toBe(true);
  });

  it("is so of one within a branch", () => {
    const noise = createNode("RandomNormalLike", { inputs: ["x"], outputs: ["y"] });
    expect(draws([branches([noise])])).toBe(true);
  });

  describe("of a Dropout", () => {
    it("is so where it trains, or may", () => {
      expect(draws([dropout], [truth("training", 1)])).toBe(true);
      expect(draws([dropout])).toBe(true);
      expect(draws([constantNode(truth("training", 1)), dropout])).toBe(true);
    });

    it("is not so where it never trains", () => {
      expect(draws([createNode("Dropout", { inputs: ["x"], outputs: ["y"] })])).toBe(false);
      expect(draws([dropout], [truth("training", 0)])).toBe(false);
      expect(draws([constantNode(truth("training", 0)), dropout])).toBe(false);
      expect(draws([branches([dropout])], [truth("training", 0)])).toBe(false);
    });
  });

  it("is not so of what computes", () => {
    expect(draws([createNode("Relu", { inputs: ["x"], outputs: ["y"] })])).toBe(false);
  });
});
