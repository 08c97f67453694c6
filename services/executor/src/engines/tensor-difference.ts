import { bfloatValue, halfValue } from "@infaas/api";

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

/**
 * Returns the largest absolute difference between two raw tensors of one datatype; NaN counts as infinitely
 * far from everything but NaN. A datatype that cannot be read as numbers is 0 when equal byte for byte, else
 * infinite. Returns null when the sizes differ or are no multiple of an element.
 */
export function largestDifference(datatype: string, a: Uint8Array, b: Uint8Array): number | null {
  if (a.byteLength !== b.byteLength) return null;
  const view = viewsOf[datatype];
  if (view === undefined) return Buffer.compare(a, b) === 0 ? 0 : Number.POSITIVE_INFINITY;
  try {
    return differ(view(aligned(a)), view(aligned(b)));
  } catch (fault) {
    if (fault instanceof RangeError) return null;
    throw fault;
  }
}

function differ(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): number {
  let largest = 0;
  for (let i = 0; i < a.length; i += 1) {
    const x = Number(a[i]);
    const y = Number(b[i]);
    if (Object.is(x, y) || x === y) continue;
    const distance = Math.abs(x - y);
    if (Number.isNaN(distance)) return Number.POSITIVE_INFINITY;
    largest = Math.max(largest, distance);
  }
  return largest;
}

/** A copy that starts at offset 0: views of wire messages start anywhere. */
function aligned(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}
