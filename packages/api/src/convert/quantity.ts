/** What a requirement is counted in: a fraction of one, or milliseconds. */
export type QuantityUnit = "share" | "ms";

/** What a number with this unit behind it is multiplied by. */
const factors: Readonly<Record<QuantityUnit, ReadonlyMap<string, number>>> = {
  share: new Map([["%", 0.01]]),
  ms: new Map([
    ["us", 1e-3],
    ["µs", 1e-3],
    ["ms", 1],
    ["s", 1_000],
    ["min", 60_000],
    ["h", 3_600_000],
  ]),
};

/**
 * Reads a number as people write it: `95%` of a share, `50ms`, `0.05s` or `1min` of milliseconds, `2e-6` of anything. Null: it is no
 * finite number, or has a unit that is not taken.
 */
export function quantityOf(text: string, unit?: QuantityUnit): number | null {
  const trimmed = text.trim();
  const [, digits = "", suffix = ""] = /^(.*?\d\.?)\s*([a-zµ%]*)$/i.exec(trimmed) ?? [];
  const factor = unit === undefined || suffix === "" ? undefined : factors[unit].get(suffix);
  const value = factor === undefined ? Number(trimmed) : scaled(Number(digits), factor);
  return trimmed === "" || !Number.isFinite(value) ? null : value;
}

/** Divides where that is exact: 95 * 0.01 is not 0.95. */
function scaled(value: number, factor: number): number {
  return factor < 1 ? value / Math.round(1 / factor) : value * factor;
}
