/** Returns a value as the JSON that `--json` prints: 64-bit integers are numbers, of bytes their count is told. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, plainNumbers, 2);
}

function plainNumbers(key: string, value: unknown): unknown {
  if (key.startsWith("$")) return undefined;
  if (typeof value === "bigint") return Number(value);
  return value instanceof Uint8Array ? `${value.length} bytes` : value;
}
