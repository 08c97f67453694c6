/** Middle value of unordered numbers; the lower one of two middles. NaN of none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Value that a `share` (0 to 1) of the unordered numbers does not exceed. NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const rising = Float64Array.from(values).sort();
  return rising[Math.max(0, Math.ceil(share * rising.length) - 1)] ?? Number.NaN;
}
