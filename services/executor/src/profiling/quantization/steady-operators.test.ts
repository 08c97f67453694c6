import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeProto, TensorProto } from "@infaas/api";
import { constantTensor, createNode, encodeModel, isSteady, readSignature } from "@infaas/onnx";
import { fixtureModel } from "@infaas/onnx/testing/dense-models";
import { nativeEngines } from "../../engines/native-engine";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import { randomRows } from "../onnx/random-rows";

const CHANNELS = 3;
/** Odd, so that rows begin at every alignment and no tensor is a whole number of vectors. */
const SIDE = 7;
const BATCHES = [2, 3, 5, 8, 17, 64];

const ELEMENTWISE =
  "Identity Neg Abs Relu LeakyRelu ThresholdedRelu HardSigmoid HardSwish Reciprocal Floor Ceil Round Sign Sigmoid Tanh Exp Erf Softmax LogSoftmax GlobalAveragePool GlobalMaxPool";
const WITH_CONSTANT = "Add Sub Mul Div Max Min PRelu";
const positive = (name: string, dims: readonly number[]) => {
  const count = dims.reduce((product, size) => product * size, 1);
  return constantTensor(
    name,
    dims,
    Float32Array.from({ length: count }, (_, index) => 0.3 + (index % 5) / 7),
  );
};

interface Case {
  readonly name: string;
  readonly nodes: readonly NodeProto[];
  readonly constants: readonly TensorProto[];
}

const one = (opType: string, inputs: readonly string[], constants: readonly TensorProto[] = []): Case => ({
  name: opType,
  nodes: [createNode(opType, { inputs, outputs: ["y"] })],
  constants,
});

const steady: readonly Case[] = [
  ...ELEMENTWISE.split(" ").map((opType) => one(opType, ["x"])),
  ...WITH_CONSTANT.split(" ").map((opType) => one(opType, ["x", "k"], [positive("k", [CHANNELS, 1, 1])])),
  one("LayerNormalization", ["x", "k", "b"], [positive("k", [SIDE]), positive("b", [SIDE])]),
  one(
    "BatchNormalization",
    ["x", "k", "b", "m", "v"],
    ["k", "b", "m", "v"].map((name) => positive(name, [CHANNELS])),
  ),
  ...["Sqrt", "Pow"].map(
    (opType): Case => ({
      name: opType,
      nodes: [
        createNode("Abs", { inputs: ["x"], outputs: ["a"] }),
        createNode(opType, { inputs: opType === "Pow" ? ["a", "k"] : ["a"], outputs: ["y"] }),
      ],
      constants: opType === "Pow" ? [positive("k", [1])] : [],
    }),
  ),
  {
    name: "MatMul of two activations",
    nodes: [
      createNode("Exp", { inputs: ["x"], outputs: ["a"] }),
      createNode("MatMul", { inputs: ["x", "a"], outputs: ["y"] }),
    ],
    constants: [],
  },
];

describe("isSteady", () => {
  let path = "";
  beforeAll(async () => {
    path = join(await mkdtemp(join(tmpdir(), "steady-")), "model.onnx");
  });
  afterAll(() => rm(join(path, ".."), { recursive: true }));

  describe.each([1, 2])("on %i threads", (threads) => {
    it.each(steady)(
      "is true of $name, which answers the same bits alone and among others",
      async ({ nodes, constants }) => {
        const input = ["N", CHANNELS, SIDE, SIDE];
        const model = fixtureModel({ nodes, constants, input, output: ["N", "C", "H", "W"] });
        for (const node of nodes) expect(isSteady(node, model.graph)).toBe(true);
        await writeFile(path, encodeModel(model));
        const rows = randomRows(readSignature(model).inputs);
        const open = ModelRunner.open(nativeEngines, rows, { path, threads, concurrency: 1, maxBatch: 64 });
        await withRunner(open, async (runner) => {
          const alone: Uint8Array[] = [];
          for (let row = 0; row < rows.count; row++) alone.push((await runner.run([row])).outputs[0]!);
          for (const batch of BATCHES) {
            const chosen = Array.from({ length: batch }, (_, index) => (batch * 5 + index * 11) % rows.count);
            const together = (await runner.run(chosen)).outputs[0]!;
            expect(Buffer.compare(together, Buffer.concat(chosen.map((row) => alone[row]!)))).toBe(0);
          }
        });
      },
    );
  });

  it.each([
    ["a sum over axes", one("ReduceSum", ["x"])],
    ["a product with constant weights", one("MatMul", ["x", "k"], [positive("k", [SIDE, SIDE])])],
    ["an operator that is not known", one("MadeUpOperator", ["x"])],
  ])("is false of %s", (_, { nodes, constants }) => {
    const { graph } = fixtureModel({ nodes, constants, input: ["N", SIDE], output: ["N", SIDE] });
    expect(isSteady(nodes[0]!, graph)).toBe(false);
  });
});
