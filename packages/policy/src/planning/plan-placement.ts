import { finished } from "./finished";
import { improve, LEAST_GAIN_USD } from "./improvement";
import { type Filling, indexed, Packing } from "./packing";
import type { PlacementPlan, PlanClass, PlanHost, PlanningProblem } from "./problem";
import { fillTrivially } from "./trivial-plan";

/**
 * Returns where what is served (docs/design/policy.md, section 6): what a greedy search makes and improves, or the trivial
 * plan, improved as well, where that is cheaper. Equal input gives equal output; hosts are filled in their order, classes by
 * what they would lose.
 */
export function planPlacement(problem: PlanningProblem): PlacementPlan {
  return finished(planningOf(problem));
}

/** Plans as `planPlacement` does, in slices of one class or one attempt each, for whoever has other things to do meanwhile. */
export function* planningOf(problem: PlanningProblem): Generator<undefined, PlacementPlan> {
  const sorted = inOrder(problem);
  const shared = indexed(sorted);
  yield;
  const greedy = new Packing(shared);
  for (const of of byRegret(sorted)) {
    place(greedy, of);
    yield;
  }
  yield* improve(greedy, place);
  const trivial = new Packing(shared);
  const isCheaper = yield* fillTrivially(trivial, greedy.totalUsd - LEAST_GAIN_USD);
  if (!isCheaper) return greedy.plan();
  yield* improve(trivial, place);
  return trivial.plan();
}

/** Whoever lists classes in another order gets the same plan. */
function inOrder(problem: PlanningProblem): PlanningProblem {
  const classes = [...problem.classes].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return { ...problem, classes };
}

/**
 * Classes by regret, largest first: what a row costs more by the second best column than by the best. One with a single
 * column has the most to lose; of equals the larger one goes first, as small ones fit into what is left.
 */
function byRegret({ classes, hosts }: PlanningProblem): readonly number[] {
  const prices = pricesOf(hosts);
  const figures = classes.map(({ columns, rowsPerSecond, weight }) => {
    const costs = columns.map(
      (c) => c.hostSecondsPerRow * (prices.get(c.hostType) ?? 0) + c.penaltyUsdPerRow,
    );
    const [best = 0, second = Number.POSITIVE_INFINITY] = costs.sort((a, b) => a - b);
    return { regret: weight * (second - best), load: rowsPerSecond * (columns[0]?.hostSecondsPerRow ?? 0) };
  });
  return classes
    .map((_, index) => index)
    .sort((a, b) => {
      const [x, y] = [figures[a], figures[b]];
      if (x === undefined || y === undefined) return 0;
      if (x.regret !== y.regret) return y.regret > x.regret ? 1 : -1;
      return y.load - x.load || a - b;
    });
}

/** US dollars per second of each type of host, the cheapest of it. */
function pricesOf(hosts: readonly PlanHost[]): ReadonlyMap<string, number> {
  const prices = new Map<string, number>();
  for (const { hostType, usdPerHour } of hosts)
    prices.set(hostType, Math.min(prices.get(hostType) ?? Number.POSITIVE_INFINITY, usdPerHour / 3_600));
  return prices;
}

/**
 * Places a class that stands nowhere: all of it by the column that adds least, or the one that is told; what that has no
 * room for by the next, on other hosts, since of two of its variants on one host selection would fill the dearer one.
 */
export function place(packing: Packing, of: number, first: number | null = null): void {
  const { columns } = packing.problem.classes[of] as PlanClass;
  packing.set(of, first === null ? [] : packing.fill(of, first, packing.leftOf(of)).pieces);
  for (let part = 0; part < columns.length; part++) {
    const left = packing.leftOf(of);
    if (left <= 0) return;
    const best = cheapestFilling(packing, of, left);
    if (best === null) return;
    packing.set(of, [...(packing.pieces[of] ?? []), ...best.pieces]);
  }
}

function cheapestFilling(packing: Packing, of: number, rowsPerSecond: number): Filling | null {
  let best: Filling | null = null;
  for (let column = 0; column < (packing.columns[of]?.length ?? 0); column++) {
    if (best !== null && packing.leastUsd(of, column, rowsPerSecond) >= best.addedUsd) continue;
    const filling = packing.fill(of, column, rowsPerSecond);
    if (filling.pieces.length === 0) continue;
    if (best === null || filling.addedUsd < best.addedUsd - LEAST_GAIN_USD) best = filling;
  }
  return best;
}
