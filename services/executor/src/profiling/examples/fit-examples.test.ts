import { encodeBytes } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import type { ExampleTensor } from "./example-tensor";
import { fitExamples } from "./fit-examples";

const picture: TensorSignature = {
  name: "picture",
  datatype: "UINT8",
  shape: [-1, 2, -1],
  symbols: ["N", "", "w"],
};
const mask: TensorSignature = { name: "mask", datatype: "UINT8", shape: [-1, -1], symbols: ["N", "w"] };
const state: TensorSignature = { name: "state", datatype: "UINT8", shape: [2, 1] };

/** Bytes that count up. */
const tensor = (input: TensorSignature, shape: number[], bytes?: Uint8Array | null): ExampleTensor => {
  const count = shape.reduce((product, size) => product * size, 1);
  const counted = Uint8Array.from({ length: count }, (_, index) => index);
  const own = bytes === undefined ? counted : bytes;
  return { input: input.name, datatype: input.datatype, shape, bytes: own, source: `${input.name}.npy` };
};
const fit = (tensors: ExampleTensor[], rowsApart = true) => {
  const { given, sizes } = fitExamples([picture, mask, state], tensors, () => rowsApart);
  const values = [...given].map(([name, { shape, rows }]) => [
    name,
    shape,
    rows.map((row) => [...row].join()),
  ]);
  return { values, sizes: Object.fromEntries(sizes) };
};

describe("fitExamples", () => {
  it("takes one row with or without its first axis", () => {
    const wanted = { values: [["picture", [1, 2, 2], ["0,1,2,3"]]], sizes: { N: 1, w: 2 } };
    expect(fit([tensor(picture, [1, 2, 2])])).toEqual(wanted);
    expect(fit([tensor(picture, [2, 2])])).toEqual(wanted);
  });

  it("takes rows one by one where they keep apart, else all as one request", () => {
    const both = [tensor(picture, [2, 2, 1]), tensor(mask, [2, 1])];
    expect(fit(both)).toEqual({
      values: [
        ["picture", [1, 2, 1], ["0,1", "2,3"]],
        ["mask", [1, 1], ["0", "1"]],
      ],
      sizes: { N: 1, w: 1 },
    });
    expect(fit(both, false)).toEqual({
      values: [
        ["picture", [2, 2, 1], ["0,1,2,3"]],
        ["mask", [2, 1], ["0,1"]],
      ],
      sizes: { N: 2, w: 1 },
    });
  });

  it("takes several examples along another axis in front, or a multiple of a fixed one", () => {
    const several = [["mask", [1, 1], ["0", "1", "2"]]];
    expect(fit([tensor(mask, [3, 1, 1])]).values).toEqual(several);
    expect(fit([tensor(state, [4, 1])]).values).toEqual([["state", [2, 1], ["0,1", "2,3"]]]);
    expect(fit([tensor(mask, [3, 1, 1]), tensor(state, [2, 1])]).values).toEqual([
      ...several,
      ["state", [2, 1], ["0,1"]],
    ]);
  });

  it("takes one as it is for an input that does not say how many axes it has", () => {
    const any: TensorSignature = { name: "any", datatype: "UINT8", shape: [], anyRank: true };
    const { given, sizes } = fitExamples([any], [tensor(any, [3, 1, 2])], () => true);
    expect(given.get("any")).toMatchObject({ shape: [3, 1, 2], rows: [{ length: 6 }] });
    expect(sizes.size).toBe(0);
  });

  it("cuts strings between elements", () => {
    const words: TensorSignature = { name: "words", datatype: "BYTES", shape: [-1] };
    const bytes = encodeBytes([Buffer.from("one"), Buffer.from("")]);
    const { given } = fitExamples([words], [tensor(words, [2], bytes)], () => true);
    expect(given.get("words")?.rows.map((row) => Buffer.from(row).toString("latin1"))).toEqual([
      "\x03\0\0\0one",
      "\0\0\0\0",
    ]);
  });

  it("takes sizes alone, with one row where rows keep apart", () => {
    expect(fit([tensor(picture, [8, 2, 5], null)])).toEqual({ values: [], sizes: { N: 1, w: 5 } });
    expect(fit([tensor(picture, [8, 2, 5], null)], false).sizes).toEqual({ N: 8, w: 5 });
  });

  it.each<[string, ExampleTensor[], string]>([
    [
      "a shape that does not fit",
      [tensor(picture, [1, 3, 2])],
      "picture.npy: input 'picture' came as UINT8 [1, 3, 2], the model takes picture UINT8 [-1, 2, -1]; an axis less is one row",
    ],
    [
      "another datatype",
      [{ ...tensor(mask, [1, 1]), datatype: "FP64" }],
      "came as FP64 [1, 1], the model takes mask UINT8",
    ],
    ["no multiple of a fixed axis", [tensor(state, [3, 1])], "came as UINT8 [3, 1]"],
    ["nothing of a fixed axis", [tensor(state, [0, 1])], "came as UINT8 [0, 1]"],
    [
      "as many examples as another input has not",
      [tensor(mask, [3, 1, 1]), tensor(state, [4, 1])],
      "state.npy: input 'state' has 2 examples, input 'mask' has 3; all have as many",
    ],
    [
      "as many rows as another input has not",
      [tensor(picture, [3, 2, 1]), tensor(mask, [2, 1])],
      "mask.npy: input 'mask' has 2 rows, input 'picture' has 3; all have as many",
    ],
    [
      "one example of too many bytes",
      [tensor(mask, [1, 2 ** 23 + 1])],
      "one example has 8388609 bytes, at most 8388608 are taken",
    ],
  ])("refuses %s", (_what, tensors, sentence) => {
    expect(() => fit(tensors)).toThrow(sentence);
  });
});
