import fc from "fast-check";
import {
  countBytes,
  type DataType,
  datatypeBytes,
  decodeBytes,
  decodeRaw,
  elementCount,
  encodeBytes,
  encodeTyped,
} from "./tensor";

const typed: readonly DataType[] = [
  "BOOL",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP32",
  "FP64",
];

describe("encodeTyped and decodeRaw", () => {
  it.each(typed)("round-trip %s", (datatype) => {
    const size = datatypeBytes(datatype) ?? 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 10 }), (seed) => {
        const raw = Buffer.concat(Array.from({ length: size }, () => Buffer.from(seed)));
        const bytes = datatype === "BOOL" ? raw.map((b) => b & 1) : withoutNan(datatype, raw);
        const contents = decodeRaw(datatype, bytes);
        if (!contents.ok) throw new Error(contents.fault);
        const back = encodeTyped(datatype, contents.value);
        expect(back.ok && Buffer.from(back.value)).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 50, seed: 1 },
    );
  });

  it("are little-endian", () => {
    expect(encodeTyped("INT16", { intContents: [-2, 258] })).toEqual({
      ok: true,
      value: new Uint8Array([254, 255, 2, 1]),
    });
    expect(encodeTyped("FP32", { fp32Contents: [1] })).toEqual({
      ok: true,
      value: new Uint8Array([0, 0, 128, 63]),
    });
  });

  it("refuse what does not fit, and say what does", () => {
    expect(encodeTyped("INT8", { intContents: [1, 200] })).toEqual({
      ok: false,
      fault: "200 is no INT8; allowed are -128 to 127",
    });
    expect(encodeTyped("FP16", {})).toMatchObject({ ok: false });
    expect(encodeTyped("FP32", { intContents: [1] })).toEqual({
      ok: false,
      fault: "elements came in int_contents, FP32 takes fp32_contents",
    });
    expect(decodeRaw("FP32", new Uint8Array(6))).toMatchObject({ ok: false });
    expect(decodeRaw("BYTES", new Uint8Array([9, 0, 0, 0, 1]))).toMatchObject({ ok: false });
    expect(decodeRaw("BYTES", new Uint8Array([9, 0]))).toMatchObject({ ok: false });
  });
});

describe("encodeBytes, decodeBytes and countBytes", () => {
  it("round-trip elements of any length", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (elements) => {
        expect(decodeBytes(encodeBytes(elements))).toEqual({ ok: true, value: elements });
        expect(countBytes(encodeBytes(elements))).toEqual({ ok: true, value: elements.length });
      }),
      { seed: 2 },
    );
  });
});

describe("elementCount", () => {
  it.each([
    [[], 1],
    [[3, 4], 12],
    [[5, 0], 0],
  ])("of %p is %p", (shape, count) => {
    expect(elementCount(shape)).toBe(count);
  });
});

/** Not every NaN keeps its bits through a number; clearing an exponent bit leaves none. */
function withoutNan(datatype: DataType, raw: Buffer): Buffer {
  const size = datatypeBytes(datatype) ?? 1;
  if (!datatype.startsWith("FP")) return raw;
  return Buffer.from(raw.map((byte, i) => (i % size === size - 1 ? byte & 0xbf : byte)));
}
