import { type Packing, type Piece, SHARE_EPSILON } from "./packing";
import type { PlanHost } from "./problem";

const SECONDS_PER_HOUR = 3_600;

/**
 * Fills a packing as one would by hand: hosts of one type, every class by the first of its columns there, its rows spread
 * evenly over all of them; as few hosts as have the time. Returns false, and leaves nothing there, where no type has the
 * room for that below this price, US dollars per hour. In slices of one class each.
 */
export function* fillTrivially(packing: Packing, belowUsd: number): Generator<undefined, boolean> {
  const types = new Set(packing.problem.hosts.map((host) => host.hostType));
  let [cheapest, standing]: [Even | null, Even | null] = [null, null];
  let cheapestUsd = belowUsd;
  for (const type of types) {
    const even = evenly(packing, type);
    yield;
    if (even === null || usdOf(packing, even) >= cheapestUsd) continue;
    yield* stand(packing, even);
    standing = even;
    if (packing.totalUsd < cheapestUsd) [cheapest, cheapestUsd] = [even, packing.totalUsd];
  }
  if (cheapest !== standing) yield* stand(packing, cheapest);
  return cheapest !== null;
}

/** Every class spread over the same hosts. */
interface Even {
  readonly hosts: readonly number[];
  /** Column of each class. */
  readonly chosen: readonly number[];
  /** Hosts that each class keeps busy. */
  readonly loads: readonly number[];
}

/** Replaces what stands there; null: by nothing. */
function* stand(packing: Packing, even: Even | null): Generator<undefined, void> {
  for (const c of packing.pieces.keys()) packing.set(c, []);
  yield;
  if (even === null) return;
  const { hosts, chosen, loads } = even;
  for (const [c, load] of loads.entries()) {
    const share = load / hosts.length;
    packing.set(
      c,
      hosts.map((host): Piece => ({ host, column: chosen[c]!, share })),
    );
    yield;
  }
}

/** What it costs, so that most of what is dearer never has to stand. */
function usdOf({ problem, columns }: Packing, { hosts, chosen }: Even): number {
  const taken = hosts.map((h) => problem.hosts[h] as PlanHost);
  const loads = new Map<number, number>();
  let usd = taken.reduce((sum, { addedUsdPerHour }) => sum + Math.max(0, addedUsdPerHour), 0);
  problem.classes.forEach(({ rowsPerSecond }, c) => {
    const column = columns[c]?.[chosen[c]!];
    if (column === undefined) return;
    const { variant, of, loadPerHostPrice } = column;
    usd += rowsPerSecond * of.penaltyUsdPerRow * SECONDS_PER_HOUR;
    if (loads.has(variant)) return;
    const lacking = taken.reduce((sum, host) => sum + (host.placed.has(of.variant) ? 0 : host.usdPerHour), 0);
    loads.set(variant, loadPerHostPrice * lacking);
  });
  for (const load of loads.values()) usd += load;
  return usd;
}

function evenly({ problem, columns }: Packing, type: string): Even | null {
  const { classes, hosts, maxUsdPerHour } = problem;
  const chosen = columns.map((list) => list.findIndex((column) => column.of.hostType === type));
  if (chosen.some((column) => column < 0)) return null;
  const loads = classes.map((of, c) => of.rowsPerSecond * (of.columns[chosen[c]!]?.hostSecondsPerRow ?? 0));
  const busy = loads.reduce((sum, load) => sum + load, 0);
  const count = Math.max(1, Math.ceil(busy - SHARE_EPSILON), hostsForInstances(problem, chosen, loads));
  const ofType = hosts.flatMap((host, h) => (host.hostType === type ? [h] : []));
  if (count > ofType.length) return null;
  const taken = ofType.slice(0, count);
  const used = new Set(taken);
  const paid = hosts.filter((host, h) => used.has(h) || host.addedUsdPerHour <= 0);
  const usd = paid.reduce((sum, host) => sum + host.usdPerHour, 0);
  if (maxUsdPerHour !== null && usd > maxUsdPerHour) return null;
  return holds(problem, taken, chosen) ? { hosts: taken, chosen, loads } : null;
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

/** Fewest hosts on which no instance takes more than it can. */
function hostsForInstances(
  { classes }: Packing["problem"],
  chosen: readonly number[],
  loads: readonly number[],
): number {
  const shares = new Map<string, { share: number; max: number }>();
  classes.forEach(({ columns }, c) => {
    const column = columns[chosen[c] as number];
    if (column === undefined) return;
    const share = (shares.get(column.variant)?.share ?? 0) + (loads[c] ?? 0);
    shares.set(column.variant, { share, max: column.shareMax });
  });
  return Math.max(1, ...[...shares.values()].map(({ share, max }) => Math.ceil(share / max - SHARE_EPSILON)));
}
