import { bytesOf, floats } from "./models";
import { type Graph, onnxType } from "./onnx-model";
import { float32, graphOpener, identity, single } from "./single-graphs";

const open = graphOpener();

describe("openBatcher", () => {
  const x = { name: "x", type: float32, dims: ["N", 2] };
  const refusals: readonly (readonly [string, Graph, string])[] = [
    [
      "an optional output",
      single("Optional", [x], [{ ...x, name: "y", kind: "optional" }]),
      "output 'y' is optional, served are tensors and sequences",
    ],
    [
      "a sparse input",
      single(
        "SparseToDenseMatMul",
        [
          { ...x, kind: "sparse" },
          { ...x, name: "b" },
        ],
        [{ ...x, name: "y" }],
        {
          domain: "com.microsoft",
        },
      ),
      "input 'x' is a sparse tensor, served are tensors",
    ],
    [
      "a map as input",
      single("DictVectorizer", [{ ...x, kind: { mapFrom: onnxType.int64 } }], [{ ...x, name: "y" }], {
        domain: "ai.onnx.ml",
        lists: { int64_vocabulary: [1, 2] },
      }),
      "input 'x' is a map, served are tensors",
    ],
    [
      "a sequence as input",
      single("SequenceLength", [{ ...x, kind: "sequence" }], [{ name: "y", type: onnxType.int64, dims: [] }]),
      "input 'x' is a sequence, served are tensors",
    ],
    ["an input of rank 17", identity(float32, Array(17).fill(1)), "'x' has rank 17, the most is 16"],
  ];
  it.each(refusals)("refuses %s with a sentence", async (_, graph, message) => {
    await expect(open(graph)).rejects.toMatchObject({ code: "ENGINE", message });
  });

  it("refuses batches when an input has no free first axis", async () => {
    await expect(open(identity(float32, [1, 2]), { batching: "inputs" })).rejects.toMatchObject({
      message: "requests can't share a batch: input 'x' has a first axis fixed at 1, a batch axis is free",
    });
  });

  it.each([
    ["quotes, slashes and spaces", "a b/../c'\"\\"],
    ["a line break", "zeile\nzwei"],
    ["letters of any alphabet", "日本語 ✓"],
    ["a thousand letters", "n".repeat(1_000)],
  ])("takes tensor names with %s", async (_, name) => {
    const tensor = { type: float32, dims: ["N", 1] };
    const batcher = await open(single("Neg", [{ name, ...tensor }], [{ name: `${name}?`, ...tensor }]));
    expect([batcher.inputs[0]?.name, batcher.outputs[0]?.name]).toEqual([name, `${name}?`]);
    const result = await batcher.submit([bytesOf(Float32Array.of(3))], { rows: 1 });
    expect(floats(result.outputs[0]!)).toEqual([-3]);
    await expect(batcher.submit([new Uint8Array(3)], { rows: 1 })).rejects.toMatchObject({
      message: `input '${name}' has 3 bytes, 1 rows need 4`,
    });
  });
});
