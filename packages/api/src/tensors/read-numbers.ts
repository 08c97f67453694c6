import { bfloatValue, halfValue } from "./half-float";

/** Views of raw little-endian bytes as numbers, by datatype. */
const viewsOf: Readonly<Record<string, (copy: ArrayBuffer) => ArrayLike<number | bigint>>> = {
  BOOL: (copy) => new Uint8Array(copy),
  UINT8: (copy) => new Uint8Array(copy),
  UINT16: (copy) => new Uint16Array(copy),
  UINT32: (copy) => new Uint32Array(copy),
  UINT64: (copy) => new BigUint64Array(copy),
  INT8: (copy) => new Int8Array(copy),
  INT16: (copy) => new Int16Array(copy),
  INT32: (copy) => new Int32Array(copy),
  INT64: (copy) => new BigInt64Array(copy),
  FP16: (copy) => Float64Array.from(new Uint16Array(copy), halfValue),
  BF16: (copy) => Float64Array.from(new Uint16Array(copy), bfloatValue),
  FP32: (copy) => new Float32Array(copy),
  FP64: (copy) => new Float64Array(copy),
};

/** Returns the values of a raw tensor, or null for a datatype that cannot be read as numbers here. */
export function readNumbers(datatype: string, bytes: Uint8Array): ArrayLike<number | bigint> | null {
  return viewsOf[datatype]?.(aligned(bytes)) ?? null;
}

/** A copy that starts at offset 0: views of wire messages start anywhere. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}
