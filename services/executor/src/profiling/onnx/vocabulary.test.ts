import { create } from "@bufbuild/protobuf";
import { AttributeProtoSchema } from "@infaas/api";
import { createNode, decodeModel } from "@infaas/onnx";
import { graphFile } from "@infaas/onnx/testing/graph-models";
import { wordsOf } from "./vocabulary";

function encoder(input: string, output: string, words: readonly string[]) {
  const node = createNode("OneHotEncoder", { inputs: [input], outputs: [output] });
  const strings = words.map((word) => new Uint8Array(Buffer.from(word)));
  node.attribute.push(create(AttributeProtoSchema, { name: "cats_strings", type: 8, strings }));
  return node;
}

describe("wordsOf", () => {
  const model = decodeModel(
    graphFile({
      nodes: [
        createNode("Identity", { inputs: ["colour"], outputs: ["c"] }),
        encoder("c", "y", ["red", "tan", "green", ""]),
        encoder("size", "z", ["small", "large"]),
      ],
      inputs: ["colour", "size", "name"].map((name) => ({ name, datatype: "BYTES", dims: ["n", 1] })),
      outputs: [{ name: "y", datatype: "FP32", dims: null }],
    }),
  );

  it("finds the words of the operators that take an input, of the length that most have", () => {
    expect(wordsOf(model, "colour")).toEqual(["red", "tan"]);
    expect(wordsOf(model, "size")).toEqual(["small", "large"]);
  });

  it("takes any word of the file for an input that is read otherwise", () => {
    expect(wordsOf(model, "name")).toEqual(["green", "small", "large"]);
  });
});
