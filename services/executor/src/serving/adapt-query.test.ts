import { create } from "@bufbuild/protobuf";
import { AdapterSchema, encodeBytes } from "@infaas/api";
import { ADAPTED_ROWS_MAX, readAdapted } from "./adapt-query";
import type { ModelSignature } from "./infer-check";

const adapter = create(AdapterSchema, {
  kind: { case: "text", value: { length: 4, alphabet: "ab", unknownId: 3 } },
});
const tensor = { name: "ids", datatype: "INT64", dims: [-1, 4] };
const model: ModelSignature = { inputs: [tensor], optionalInputs: [], outputs: [], batchable: true };
const sent = (texts: readonly string[], more: object = {}) => [
  {
    name: "text",
    datatype: "BYTES",
    shape: [texts.length],
    bytes: encodeBytes(texts.map((text) => Buffer.from(text))),
    ...more,
  },
];

describe("readAdapted", () => {
  it("finds the elements, and puts the tensor where they were", () => {
    const adapted = readAdapted(adapter, model, sent(["ab", ""]));
    expect(adapted?.elements.map((bytes) => Buffer.from(bytes).toString())).toEqual(["ab", ""]);
    const bytes = new Uint8Array(64);
    expect(adapted?.withRows(bytes)).toEqual([{ name: "ids", datatype: "INT64", shape: [2, 4], bytes }]);
  });

  it("takes one element a row on an axis of its own", () => {
    expect(readAdapted(adapter, model, sent(["a", "b"], { shape: [2, 1] }))?.elements).toHaveLength(2);
  });

  it.each([
    ["a tensor", adapter, [{ name: "ids", datatype: "INT64", shape: [1, 4], bytes: new Uint8Array(32) }]],
    ["strings of another name", adapter, sent(["a"], { name: "words" })],
    ["a text for a model without an adapter", undefined, sent(["a"])],
  ])("leaves %s alone", (_, one, inputs) => {
    expect(readAdapted(one, model, inputs)).toBeNull();
  });

  it.each([
    ["no row", sent([]), "0 were sent, allowed are 1 to 64"],
    ["too many", sent(new Array(ADAPTED_ROWS_MAX + 1).fill("a")), "65 were sent, allowed are 1 to 64"],
    [
      "another count",
      sent(["a"], { shape: [2] }),
      "1 elements of shape [2] were sent, it takes [n] or [n, 1]",
    ],
    ["several in one row", sent(["a", "b"], { shape: [1, 2] }), "2 elements of shape [1, 2]"],
    ["no axis", sent(["a"], { shape: [] }), "1 elements of shape []"],
    [
      "bytes beyond the end",
      sent(["a"], { bytes: Uint8Array.of(9, 0, 0, 0) }),
      "goes beyond the 4 bytes sent",
    ],
    [
      "millions of empty texts as one row",
      sent(["a"], { bytes: new Uint8Array(4_000_000) }),
      "more than 64 BYTES elements were sent",
    ],
    ["a long text", sent(["a".repeat(2 ** 20 + 1)]), "a text of 1048577 bytes was sent; at most 1048576"],
  ])("refuses %s", (_, inputs, sentence) => {
    expect(() => readAdapted(adapter, model, inputs)).toThrow(`input text: `);
    expect(() => readAdapted(adapter, model, inputs)).toThrow(sentence);
  });

  it("takes one row of a model that does not batch", () => {
    const alone = { ...model, batchable: false };
    expect(() => readAdapted(adapter, alone, sent(["a", "b"]))).toThrow("2 were sent, allowed are 1 to 1");
  });
});
