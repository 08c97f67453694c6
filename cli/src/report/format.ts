/** Returns milliseconds as text with three significant digits and unit. */
export function ms(value: number): string {
  return `${significant(value)} ms`;
}

/** Returns US dollars per 1,000 queries as text. */
export function usd(value: number): string {
  return value === 0 ? "$0" : `$${significant(value)}`;
}

/** Returns a fraction (0 to 1) as a percentage with one decimal. */
export function percent(value: number): string {
  return `${(value * 100).toFixed(1)} %`;
}

/** Returns bytes as MiB with one decimal. */
export function mebibytes(value: number | bigint): string {
  return `${(Number(value) / (1 << 20)).toFixed(1)} MiB`;
}

/** Returns the size of a file in the unit that reads best: 812 bytes, 37.2 KiB, 1.4 GiB. */
export function fileSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  const step = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** step).toFixed(1)} ${["KiB", "MiB", "GiB"][step - 1]}`;
}

function significant(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(12, digits));
}
