import type { Random } from "@infaas/runtime";

/** `count` of these, in their own order; all where there are no more. */
export function sampleOf<T>(items: readonly T[], count: number, random: Random): T[] {
  const ranked = items.map((item, at) => ({ item, at, rank: random.next() }));
  const chosen = ranked.sort((a, b) => a.rank - b.rank).slice(0, count);
  return chosen.sort((a, b) => a.at - b.at).map(({ item }) => item);
}
