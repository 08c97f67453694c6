/** Every Nth of these from the Kth on, for `K/N` from 1: so many runs share the work. Throws on anything else. */
export function partOf<T>(items: readonly T[], part: string): T[] {
  const [, k = "", n = ""] = /^(\d+)\/(\d+)$/.exec(part) ?? [];
  const [own, parts] = [Number(k), Number(n)];
  if (own < 1 || own > parts) throw new Error(`part '${part}' is none: 3/12 is the third of twelve`);
  return items.filter((_, at) => at % parts === own - 1);
}
