import { type Packing, type Piece, SHARE_EPSILON } from "./packing";

/**
 * Fills a packing as one would by hand: hosts of one type, every class by the first of its columns there, its rows spread
 * evenly over all of them; as few hosts as have the time. Returns false, and leaves nothing there, where no type has the
 * room for that.
 */
export function* fillTrivially(packing: Packing): Generator<undefined, boolean> {
  const { hosts } = packing.problem;
  const types = [...new Set(hosts.map((host) => host.hostType))];
  let cheapest: readonly (readonly Piece[])[] | null = null;
  let cheapestUsd = Number.POSITIVE_INFINITY;
  for (const type of types) {
    const pieces = evenly(packing, type);
    yield;
    if (pieces === null) continue;
    stand(packing, pieces);
    if (packing.totalUsd < cheapestUsd) [cheapest, cheapestUsd] = [pieces, packing.totalUsd];
    for (const c of pieces.keys()) packing.set(c, []);
  }
  if (cheapest === null) return false;
  stand(packing, cheapest);
  return true;
}

function stand(packing: Packing, pieces: readonly (readonly Piece[])[]): void {
  pieces.forEach((of, c) => {
    packing.set(c, of);
  });
}

function evenly({ problem, columns }: Packing, type: string): readonly (readonly Piece[])[] | null {
  const { classes, hosts, maxUsdPerHour } = problem;
  const chosen = columns.map((list) => list.findIndex((column) => column.of.hostType === type));
  if (chosen.some((column) => column < 0)) return null;
  const loads = classes.map(
    (of, c) => of.rowsPerSecond * (of.columns[chosen[c] as number]?.hostSecondsPerRow ?? 0),
  );
  const needed = Math.ceil(loads.reduce((sum, load) => sum + load, 0) - SHARE_EPSILON);
  const ofType = hosts.flatMap((host, h) => (host.hostType === type ? [h] : []));
  for (let count = Math.max(1, needed); count <= ofType.length; count++) {
    const taken = ofType.slice(0, count);
    const pieces = loads.map((load, c) =>
      taken.map((host): Piece => ({ host, column: chosen[c] as number, share: load / count })),
    );
    const paid = hosts.filter((host, h) => taken.includes(h) || host.addedUsdPerHour <= 0);
    const usd = paid.reduce((sum, host) => sum + host.usdPerHour, 0);
    if (maxUsdPerHour !== null && usd > maxUsdPerHour) return null;
    if (!holds(problem, taken, chosen)) return null;
    if (isWithinInstances(problem, chosen, loads, count)) return pieces;
  }
  return null;
}

/** Whether every host has the memory for every variant. */
function holds(
  { classes, hosts }: Packing["problem"],
  taken: readonly number[],
  chosen: readonly number[],
): boolean {
  const bytes = new Map<string, number>();
  classes.forEach(({ columns }, c) => {
    const column = columns[chosen[c] as number];
    if (column !== undefined) bytes.set(column.variant, column.memoryBytes);
  });
  const needed = [...bytes.values()].reduce((sum, of) => sum + of, 0);
  return taken.every((h) => needed <= (hosts[h]?.memoryBytes ?? 0));
}

/** Whether no instance takes more than it can. */
function isWithinInstances(
  { classes }: Packing["problem"],
  chosen: readonly number[],
  loads: readonly number[],
  count: number,
): boolean {
  const taken = new Map<string, { share: number; max: number }>();
  classes.forEach(({ columns }, c) => {
    const column = columns[chosen[c] as number];
    if (column === undefined) return;
    const share = (taken.get(column.variant)?.share ?? 0) + (loads[c] ?? 0) / count;
    taken.set(column.variant, { share, max: column.shareMax });
  });
  return [...taken.values()].every(({ share, max }) => share <= max + SHARE_EPSILON);
}
