import { readNumbers } from "@infaas/api";

/**
 * Returns the largest absolute difference between two raw tensors of one datatype; NaN counts as infinitely
 * far from everything but NaN. A datatype that cannot be read as numbers is 0 when equal byte for byte, else
 * infinite. Returns null when the sizes differ or are no multiple of an element.
 */
export function largestDifference(datatype: string, a: Uint8Array, b: Uint8Array): number | null {
  if (a.byteLength !== b.byteLength) return null;
  try {
    const [numbers, others] = [readNumbers(datatype, a), readNumbers(datatype, b)];
    if (numbers === null || others === null) return Buffer.compare(a, b) === 0 ? 0 : Number.POSITIVE_INFINITY;
    return differ(numbers, others);
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
