/**
 * Bits of the 16-bit floats that JavaScript has no array for: IEEE 754 binary16 (FP16) and bfloat16 (BF16).
 */

const HALF_INFINITY = 0x7c00;
const HALF_NAN = 0x7e00;
/** From here on a number is nearer to infinity than to 65504, the largest finite half. */
const HALF_OVERFLOW = 65_520;
const SMALLEST_NORMAL_EXPONENT = -14;

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);
const double = new Float64Array(1);
/** The lower word first, as on every processor that Node runs tensors on. */
const doubleWords = new Uint32Array(double.buffer);
/** What makes eleven bits of a half's significand whole, by exponent from the smallest normal one. */
const scales = Float64Array.from({ length: 30 }, (_, i) => 2 ** (10 - (i + SMALLEST_NORMAL_EXPONENT)));

/** Returns the bits of the half nearest to `value`, ties to even; beyond 65504 it is an infinity. */
export function halfBits(value: number): number {
  if (Number.isNaN(value)) return HALF_NAN;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= HALF_OVERFLOW) return sign | HALF_INFINITY;
  const exponent = exponentOf(size);
  // Eleven bits of significand; a carry out of them lands in the exponent, where it belongs.
  if (exponent < SMALLEST_NORMAL_EXPONENT) return sign | roundToEven(size * 2 ** 24);
  return sign | (((exponent + 14) << 10) + roundToEven(size * scales[exponent - SMALLEST_NORMAL_EXPONENT]!));
}

/** Returns the number that the bits of a half stand for. */
export function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (0x400 + fraction) * 2 ** (exponent - 25);
}

/** Returns the upper half of the float32 nearest to `value`, ties to even. */
export function bfloatBits(value: number): number {
  if (Number.isNaN(value)) return 0x7fc0;
  float[0] = value;
  const word = bits[0]!;
  return ((word + 0x7fff + ((word >>> 16) & 1)) / 0x1_0000) & 0xffff;
}

/** Returns the number that the bits of a bfloat16 stand for. */
export function bfloatValue(bfloat: number): number {
  bits[0] = (bfloat << 16) >>> 0;
  return float[0]!;
}

/** Of a number below the smallest normal double, one below its smallest. */
function exponentOf(size: number): number {
  double[0] = size;
  return (doubleWords[1]! >>> 20) - 1_023;
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest === 0.5) return below + (below % 2);
  return rest > 0.5 ? below + 1 : below;
}
