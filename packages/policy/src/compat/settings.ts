/** A number that a policy may be told beside its name, where its paper leaves it open or to operators. */
export interface Setting {
  readonly default: number;
  readonly min: number;
  readonly max: number;
  /** What it is, and why that default. */
  readonly doc: string;
}

/** Returns the numbers of texts such as `period-s=30`, those of the table that are not told by their default. Throws a RangeError for any other. */
export function readSettings<K extends string>(
  policy: string,
  table: Readonly<Record<K, Setting>>,
  told: readonly string[],
): Readonly<Record<K, number>> {
  const names = Object.keys(table) as K[];
  const values = new Map(readNumbers(told));
  for (const name of values.keys())
    if (!names.some((known) => known === name))
      throw new RangeError(`${policy} is not told '${name}'; allowed: ${names.join(", ") || "nothing"}`);
  const entries = names.map((name) => {
    const { default: usual, min, max } = table[name];
    const value = values.get(name) ?? usual;
    if (!(value >= min && value <= max))
      throw new RangeError(`${name} of ${policy} is ${value}; allowed: ${min} to ${max}`);
    return [name, value] as const;
  });
  return Object.fromEntries(entries) as Record<K, number>;
}

/** Returns names and numbers of texts such as `digits/uci=40`. Throws a RangeError for a text that is none. */
export function readNumbers(told: readonly string[]): readonly (readonly [name: string, value: number])[] {
  return told.map((text) => {
    const at = text.lastIndexOf("=");
    const value = Number(text.slice(at + 1));
    if (at < 1 || text.slice(at + 1).trim() === "" || !(value >= 0) || value === Number.POSITIVE_INFINITY)
      throw new RangeError(`a policy is told '${text}'; allowed: NAME=NUMBER, the number 0 or more`);
    return [text.slice(0, at), value] as const;
  });
}
