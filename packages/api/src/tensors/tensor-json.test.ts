import fc from "fast-check";
import { encodeJsonData, jsonPieces } from "./tensor-json";

function raw(datatype: string, data: readonly unknown[], shape = [data.length]): Uint8Array {
  const encoded = encodeJsonData(datatype, shape, data);
  if (!encoded.ok) throw new Error(encoded.fault);
  return encoded.value;
}

function text(datatype: string, bytes: Uint8Array): string {
  const pieces = [...jsonPieces(datatype, bytes)];
  return pieces.map((piece) => (piece.ok ? piece.value : `fault: ${piece.fault}`)).join("");
}

function faultOf(datatype: string, data: readonly unknown[], shape = [data.length]): string {
  const encoded = encodeJsonData(datatype, shape, data);
  return encoded.ok ? "" : encoded.fault;
}

describe("encodeJsonData", () => {
  it.each([
    ["BOOL", [true, false, 1], "010001"],
    ["INT8", [-1, 127], "ff7f"],
    ["UINT8", [255], "ff"],
    ["INT16", [-2], "feff"],
    ["UINT16", [0x1234], "3412"],
    ["INT32", [-1], "ffffffff"],
    ["UINT32", [4_294_967_295], "ffffffff"],
    ["INT64", [-1, "9007199254740993"], "ffffffffffffffff0100000000002000"],
    ["UINT64", ["18446744073709551615"], "ffffffffffffffff"],
    ["FP16", [1, "NaN"], "003c007e"],
    ["BF16", [1, "-Infinity"], "803f80ff"],
    ["FP32", [0.5, "Infinity"], "0000003f0000807f"],
    ["FP64", [-0.5], "000000000000e0bf"],
    ["BYTES", ["hé", ""], "0300000068c3a900000000"],
  ])("packs %s as the wire has it", (datatype, data, hex) => {
    expect(Buffer.from(raw(datatype, data)).toString("hex")).toBe(hex);
  });

  it("takes data nested as the shape, or flat", () => {
    const nested = raw(
      "INT8",
      [
        [1, 2],
        [3, 4],
      ],
      [2, 2],
    );
    expect(nested).toEqual(raw("INT8", [1, 2, 3, 4], [2, 2]));
  });

  it("takes no elements where the shape has none, and one where it has no dimensions", () => {
    expect(raw("FP32", [], [0, 4])).toHaveLength(0);
    expect(raw("INT8", [7], [])).toEqual(new Uint8Array([7]));
  });

  it.each([
    ["INT8", [1, 200], "element 1 is 200; allowed for INT8: whole numbers from -128 to 127"],
    ["UINT8", [1.5], "element 0 is 1.5; allowed"],
    ["INT64", [2 ** 53], "element 0 is 9007199254740992; allowed for INT64"],
    ["UINT64", ["-1"], 'element 0 is "-1"; allowed'],
    ["FP32", [1e39], "element 0 is 1e+39; allowed for FP32: numbers up to 3.4"],
    ["FP16", [70_000], "element 0 is 70000; allowed for FP16: numbers up to 65504"],
    ["FP32", [null], "element 0 is null"],
    ["BOOL", ["true"], 'element 0 is "true"; allowed for BOOL: true, false, 1 or 0'],
    ["BYTES", [1], "element 0 is 1; allowed for BYTES: text"],
    ["INT4", [1], "datatype 'INT4' is unknown"],
  ])("refuses for %s what is none: %p", (datatype, data, fault) => {
    expect(faultOf(datatype, data)).toContain(fault);
  });

  it("refuses a count that is not the shape's, naming both, before it sets memory aside", () => {
    expect(faultOf("FP64", [1, 2], [1e9, 1e9])).toBe(
      "data has 2 elements, shape [1000000000, 1000000000] takes 1000000000000000000",
    );
  });

  it("refuses data nested without end", () => {
    let data: unknown = 1;
    for (let i = 0; i < 5_000; i += 1) data = [data];
    expect(faultOf("INT8", [data], [1])).toContain("element 0 is an array; allowed for INT8");
  });
});

describe("jsonPieces", () => {
  it.each([
    ["BOOL", [true, false], "[true,false]"],
    ["INT64", ["-9223372036854775808", "9007199254740993"], "[-9223372036854775808,9007199254740993]"],
    ["FP32", ["NaN", 0.1], '["NaN",0.10000000149011612]'],
    ["FP64", [-0, 0], "[-0.0,0]"],
    ["FP16", [0.5, "-Infinity"], '[0.5,"-Infinity"]'],
    ["BYTES", ['a"b', "é"], '["a\\"b","é"]'],
  ])("writes %s as JSON", (datatype, data, json) => {
    expect(text(datatype, raw(datatype, data))).toBe(json);
  });

  it("reads back every float32 bit for bit, wherever its bytes lie", () => {
    fc.assert(
      fc.property(fc.float32Array({ noNaN: true, minLength: 1 }), fc.nat(3), (values, shift) => {
        const moved = Buffer.alloc(shift + values.byteLength);
        moved.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), shift);
        const back = raw("FP32", JSON.parse(text("FP32", moved.subarray(shift))), [values.length]);
        // JSON.parse keeps the sign of a zero, String does not: -0 may come back as 0.
        expect([...new Float32Array(back.slice().buffer)].map((v) => v + 0)).toEqual(
          [...values].map((v) => v + 0),
        );
      }),
    );
  });

  it("refuses BYTES that are no text", () => {
    expect(text("BYTES", new Uint8Array([1, 0, 0, 0, 0xff]))).toContain(
      "fault: BYTES hold what is no UTF-8 text",
    );
  });

  it.each([
    ["a length beyond the end", "BYTES", [1, 0, 0, 0]],
    ["half a length", "BYTES", [1, 0]],
    ["half an element", "FP32", [1, 0]],
  ])("refuses %s", (_, datatype, bytes) => {
    expect(text(datatype, new Uint8Array(bytes))).toContain("fault: ");
  });

  it.each([
    ["INT64", 40_000, (i: number) => i - 20_000],
    ["BOOL", 40_000, (i: number) => i % 3 === 0],
    ["BYTES", 40_000, (i: number) => String(i)],
    ["BYTES", 20, (i: number) => String(i).repeat(30_000)],
    ["FP32", 0, Number],
  ] as const)("writes %s of %i elements in pieces that are one array", (datatype, count, element) => {
    const data = Array.from({ length: count }, (_, i) => element(i));
    const bytes = raw(datatype, data);
    expect(JSON.parse(text(datatype, bytes))).toEqual(data);
    expect([...jsonPieces(datatype, bytes)].length).toBeGreaterThan(count === 0 ? 0 : 2);
  });
});
