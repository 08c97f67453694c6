import type { Packing, Piece } from "./packing";

/** Hosts looked at while a plan is made and improved, some five milliseconds' worth. */
const WORK_MAX = 100_000;
/** A plan is better than another from so much on, US dollars per hour; less is how numbers are rounded. */
export const LEAST_GAIN_USD = 1e-9;

/** Places a class, first by this column where one is told. */
type Place = (packing: Packing, of: number, firstColumn?: number) => void;

/**
 * Moves each class, empties each host and fills each anew in another order until none of these saves anything, or
 * `WORK_MAX` is spent. What does not save is undone.
 */
export function* improve(packing: Packing, place: Place): Generator<undefined, void> {
  let before: number;
  do {
    before = packing.totalUsd;
    yield* moveClasses(packing, place);
    yield* emptyHosts(packing, place);
    yield* refillHosts(packing, place);
  } while (isAffordable(packing) && packing.totalUsd < before - LEAST_GAIN_USD);
}

function isAffordable({ work }: Packing): boolean {
  return work < WORK_MAX;
}

function* moveClasses(packing: Packing, place: Place): Generator<undefined, void> {
  for (let of = 0; of < packing.pieces.length && isAffordable(packing); of++) {
    attempt(packing, [of], () => place(packing, of));
    yield;
  }
}

/** The emptiest host goes first; what stood there is placed elsewhere. */
function* emptyHosts(packing: Packing, place: Place): Generator<undefined, void> {
  const { hosts } = packing.problem;
  const open = hosts.flatMap((host, h) => (packing.isOpen(h) && host.addedUsdPerHour > 0 ? [h] : []));
  for (const host of open.sort((a, b) => packing.usedOf(a) - packing.usedOf(b) || b - a)) {
    if (!isAffordable(packing)) return;
    const there = classesOn(packing, host);
    packing.close(host, true);
    attempt(packing, there, () => {
      for (const of of there) packing.set(of, []);
      for (const of of there) place(packing, of);
    });
    packing.close(host, false);
    yield;
  }
}

/**
 * Clears a host and fills it anew, each time beginning with another class by another of its columns: one that is there,
 * or one that is not served.
 */
function* refillHosts(packing: Packing, place: Place): Generator<undefined, void> {
  for (let host = 0; host < packing.problem.hosts.length; host++) {
    const there = classesOn(packing, host);
    const unserved = packing.pieces.flatMap((_, of) => (packing.leftOf(of) > 0 ? [of] : []));
    for (const first of new Set([...unserved.slice(0, UNSERVED_TRIED), ...there.slice(0, REFILLED_MAX)])) {
      const classes = [first, ...there.filter((of) => of !== first)];
      for (let column = 0; column < (packing.columns[first]?.length ?? 0); column++) {
        if (!isAffordable(packing)) return;
        attempt(packing, classes, () => {
          for (const of of classes) packing.set(of, []);
          place(packing, first, column);
          for (const of of classes) if (of !== first) place(packing, of);
        });
        yield;
      }
    }
  }
}

/** Classes that each host is refilled beginning with. */
const REFILLED_MAX = 8;
const UNSERVED_TRIED = 4;

function classesOn(packing: Packing, host: number): number[] {
  return packing.pieces.flatMap((pieces, of) => (pieces.some((piece) => piece.host === host) ? [of] : []));
}

/** Changes where these classes stand, and undoes it where that saves nothing. */
function attempt(packing: Packing, classes: readonly number[], change: () => void): boolean {
  const before = classes.map((of): readonly [number, readonly Piece[]] => [of, packing.pieces[of] ?? []]);
  const beforeUsd = packing.totalUsd;
  change();
  if (packing.totalUsd < beforeUsd - LEAST_GAIN_USD) return true;
  // All of them leave first, so that no bound is broken on the way back.
  for (const of of classes) packing.set(of, []);
  for (const [of, pieces] of before) packing.set(of, pieces);
  return false;
}
