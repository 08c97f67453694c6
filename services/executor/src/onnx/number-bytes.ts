import type { DataType } from "@infaas/api";

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
  BF16: (values) => Uint16Array.from(values, (value) => singleBits(value) >>> 16),
  FP32: (values) => Float32Array.from(values),
  FP64: (values) => Float64Array.from(values),
  BYTES: () => null,
};

function whole(value: number): bigint {
  return BigInt(Math.trunc(value));
}

function singleBits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}

/** Half precision cut off, not rounded; what is below its normal range becomes 0, what is above it infinite. */
function halfBits(value: number): number {
  const bits = singleBits(value);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 127 + 15;
  if (exponent <= 0) return sign;
  if (exponent >= 31) return sign | 0x7c00;
  return sign | (exponent << 10) | ((bits >>> 13) & 0x3ff);
}
