import { create } from "@bufbuild/protobuf";
import { readNumbers, TextAdapterSchema } from "@infaas/api";
import { adaptText } from "./adapt-text";

const adapter = create(TextAdapterSchema, { length: 6, alphabet: "abc𝄞", unknownId: 9 });
const idsOf = (text: string) =>
  Array.from(readNumbers("INT64", adaptText(Buffer.from(text), adapter, "INT64")) ?? [], Number);

describe("adaptText", () => {
  it.each([
    ["aB?c", [1, 9, 9, 3, 0, 0]],
    ["", [0, 0, 0, 0, 0, 0]],
    ["abcabcabc", [1, 2, 3, 1, 2, 3]],
    ["𝄞a", [4, 1, 0, 0, 0, 0]],
  ])("makes one id of each character of '%s'", (text, ids) => {
    expect(idsOf(text)).toEqual(ids);
  });

  it("refuses bytes that are no UTF-8", () => {
    expect(() => adaptText(Uint8Array.of(0xff, 0x41), adapter, "INT64")).toThrow(
      "2 bytes cannot be read as a text: they are no UTF-8",
    );
  });
});
