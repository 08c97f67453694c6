import { encodeBytes } from "@infaas/api";
import { npyFile } from "../../testing/numpy-files";
import { readNpy } from "./npy";

const arrayOf = (file: Uint8Array) => {
  const read = readNpy(file);
  if (!read.ok) throw new Error(read.fault);
  return { ...read.value, bytes: Buffer.from(read.value.bytes) };
};
const bytesOf = (array: ArrayBufferView) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);

describe("readNpy", () => {
  it.each([
    ["|b1", "BOOL", Uint8Array.of(1, 0)],
    ["|i1", "INT8", Int8Array.of(-1, 2)],
    ["<i2", "INT16", Int16Array.of(-1, 2)],
    ["<i4", "INT32", Int32Array.of(-1, 2)],
    ["<i8", "INT64", BigInt64Array.of(-1n, 2n)],
    ["|u1", "UINT8", Uint8Array.of(255, 2)],
    ["<u2", "UINT16", Uint16Array.of(1, 2)],
    ["<u4", "UINT32", Uint32Array.of(1, 2)],
    ["<u8", "UINT64", BigUint64Array.of(1n, 2n)],
    ["<f2", "FP16", Uint16Array.of(0x3c00, 2)],
    ["<f4", "FP32", Float32Array.of(0.5, Number.NaN)],
    ["<f8", "FP64", Float64Array.of(0.5, -2)],
  ])("reads dtype %s as %s", (descr, datatype, array) => {
    const file = npyFile({ descr, shape: [2, 1], bytes: bytesOf(array) });
    expect(arrayOf(file)).toEqual({ datatype, shape: [2, 1], bytes: bytesOf(array) });
  });

  it("reads scalars, arrays without elements and long headers", () => {
    const bytes = bytesOf(Float32Array.of(7));
    expect(arrayOf(npyFile({ descr: "<f4", shape: [], bytes })).shape).toEqual([]);
    expect(arrayOf(npyFile({ descr: "<f4", shape: [0, 3], bytes: Buffer.alloc(0) })).shape).toEqual([0, 3]);
    expect(arrayOf(npyFile({ descr: "<f4", shape: [1], bytes, version: 2 })).bytes).toEqual(bytes);
  });

  it("turns big-endian numbers and columns that lie one behind the other", () => {
    const bytes = Buffer.from([0, 1, 0, 4, 0, 2, 0, 5, 0, 3, 0, 6]);
    const { bytes: rows } = arrayOf(npyFile({ descr: ">i2", shape: [2, 3], bytes, columnMajor: true }));
    expect(rows).toEqual(bytesOf(Int16Array.of(1, 2, 3, 4, 5, 6)));
  });

  it("reads strings of both kinds, without what NumPy fills them with", () => {
    const narrow = npyFile({ descr: "|S3", shape: [3], bytes: Buffer.from("abca\0\0\0\0\0") });
    expect(arrayOf(narrow)).toEqual({
      datatype: "BYTES",
      shape: [3],
      bytes: Buffer.from(encodeBytes([Buffer.from("abc"), Buffer.from("a"), Buffer.from("")])),
    });
    const wide = npyFile({
      descr: "<U2",
      shape: [2],
      bytes: bytesOf(Uint32Array.of(0xe9, 0, 0x1f600, 0x61)),
    });
    expect(arrayOf(wide).bytes).toEqual(Buffer.from(encodeBytes([Buffer.from("é"), Buffer.from("😀a")])));
  });

  const one = { shape: [1], bytes: Buffer.alloc(8) };
  it.each<[string, Uint8Array, string]>([
    ["what is none", Buffer.from("PK no array at all"), "it is no .npy file"],
    ["what is cut", npyFile({ ...one, descr: "<f8" }).subarray(0, 30), "its header names no"],
    ["objects", npyFile({ ...one, descr: "|O" }), "pickled and not read; save it as strings, a.astype('U')"],
    ["a structure", npyFile({ ...one, descr: [["x", "<f4"]] }), "its dtype is a structure; allowed: bool"],
    ["complex numbers", npyFile({ ...one, descr: "<c8" }), "its dtype is '<c8'; allowed: bool"],
    ["dates", npyFile({ ...one, descr: "<M8[ns]" }), "allowed: bool"],
    [
      "too few bytes",
      npyFile({ ...one, descr: "<f8", shape: [2] }),
      "8 bytes of elements, its shape [2] takes 16",
    ],
    [
      "too many elements",
      npyFile({ descr: "|S0", shape: [2 ** 40], bytes: Buffer.alloc(0) }),
      "16777216 are the most",
    ],
    [
      "what is no character",
      npyFile({ descr: "<U1", shape: [1], bytes: Buffer.alloc(4, 255) }),
      "no Unicode character",
    ],
  ])("refuses %s", (_what, file, sentence) => {
    expect(readNpy(file)).toEqual({ ok: false, fault: expect.stringContaining(sentence) });
  });
});
