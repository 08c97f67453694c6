/** Returns a figure with three significant digits, without a unit: for columns whose heading has it. */
export function figure(value: number): string {
  return significant(value);
}

/** Returns a fraction (0 to 1) as a percentage with one decimal, without its sign. */
export function percentFigure(value: number): string {
  return (value * 100).toFixed(1);
}

/** Returns bytes in MiB with one decimal, without the unit. */
export function mebibytesFigure(value: number | bigint): string {
  return (Number(value) / (1 << 20)).toFixed(1);
}

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
  return `${percentFigure(value)} %`;
}

/** Returns how long ago something was, in the largest unit of which there is one: 12 s, 3 min, 5 h, 2 d. */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1_000));
  const units = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
  ] as const;
  const [size, name] = units.find(([each]) => seconds >= each) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${name}`;
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
