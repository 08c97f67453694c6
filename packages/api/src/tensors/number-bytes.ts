import { bfloatBits, halfBits } from "./half-float";
import type { DataType } from "./tensor";

/** Little-endian bytes of numbers in a datatype, rounded to what it holds; null for BYTES. */
export function numberBytes(datatype: DataType, values: readonly number[]): Buffer | null {
  const array = WRITERS[datatype](values);
  return array && Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

const WRITERS: Readonly<Record<DataType, (values: readonly number[]) => ArrayBufferView | null>> = {
  BOOL: (values) => Uint8Array.from(values, (value) => (value === 0 ? 0 : 1)),
  UINT8: (values) => Uint8Array.from(values),
  UINT16: (values) => Uint16Array.from(values),
  UINT32: (values) => Uint32Array.from(values),
  UINT64: (values) => BigUint64Array.from(values, whole),
  INT8: (values) => Int8Array.from(values),
  INT16: (values) => Int16Array.from(values),
  INT32: (values) => Int32Array.from(values),
  INT64: (values) => BigInt64Array.from(values, whole),
  FP16: (values) => Uint16Array.from(values, halfBits),
  BF16: (values) => Uint16Array.from(values, bfloatBits),
  FP32: (values) => Float32Array.from(values),
  FP64: (values) => Float64Array.from(values),
  BYTES: () => null,
};

function whole(value: number): bigint {
  return BigInt(Math.trunc(value));
}
