/** Smallest and largest value of an activation over the calibration rows. */
export interface ActivationRange {
  readonly min: number;
  readonly max: number;
}

/** How an activation becomes uint8: `q = round(x / scale) + zeroPoint`, fixed once and for all rows. */
export interface ActivationScale {
  readonly scale: number;
  readonly zeroPoint: number;
}

const LEVELS = 255;

/** Returns the uint8 scale that covers a range and represents zero exactly (padding is zero). */
export function scaleOf({ min, max }: ActivationRange): ActivationScale {
  const low = Math.min(0, min);
  const high = Math.max(0, max);
  const scale = Math.fround((high - low) / LEVELS) || 1;
  return { scale, zeroPoint: Math.min(LEVELS, Math.round((0 - low) / scale)) };
}

/** Returns the range that covers both. */
export function joinRanges(a: ActivationRange, b: ActivationRange): ActivationRange {
  return { min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
}
