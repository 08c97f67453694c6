import { PLACEMENT_PRIORITY, RANK_HOLD_MS, type RankMemory, rankPlacements } from "./placement-priority";

const { standby, requested, serving, operator } = PLACEMENT_PRIORITY;

function instance(variant: string, priority: number, servedPerSecond: number | null, executor = "e1") {
  return { variant, executor, priority, servedPerSecond, isRetained: false };
}

const fresh: RankMemory = new Map();
const priorities = (ranks: readonly { variant: string; priority: number }[]) =>
  ranks.map(({ variant, priority }) => [variant, priority]);

describe("rankPlacements", () => {
  it("raises at once what serves demand, and what is asked for at all", () => {
    const { ranks } = rankPlacements(
      [instance("hot", standby, 100), instance("rare", standby, 1), instance("idle", standby, 0)],
      fresh,
      0,
    );
    expect(priorities(ranks)).toEqual([
      ["hot", serving],
      ["rare", requested],
    ]);
  });

  it.each([
    ["5 % of what its executor answers", 5, 95, serving],
    ["less", 4.9, 95.1, requested],
  ])("counts the share on its own executor: %s", (_, perSecond, rest, priority) => {
    const all = [
      instance("a", standby, perSecond),
      instance("b", serving, rest),
      instance("c", serving, 1e4, "e2"),
    ];
    expect(priorities(rankPlacements(all, fresh, 0).ranks)).toEqual([["a", priority]]);
  });

  it("does not take a query now and then for demand, though nothing else is answered", () => {
    expect(priorities(rankPlacements([instance("a", standby, 0.5)], fresh, 0).ranks)).toEqual([
      ["a", requested],
    ]);
  });

  it("lowers after the hold, counted anew by each answer in between", () => {
    const idle = [instance("a", serving, 0)];
    const first = rankPlacements(idle, fresh, 0);
    expect(first.ranks).toEqual([]);
    const busy = rankPlacements([instance("a", serving, 9)], first.memory, RANK_HOLD_MS - 1);
    expect([busy.ranks, [...busy.memory]]).toEqual([[], []]);
    const again = rankPlacements(idle, busy.memory, RANK_HOLD_MS);
    expect(rankPlacements(idle, again.memory, 2 * RANK_HOLD_MS - 1).ranks).toEqual([]);
    expect(priorities(rankPlacements(idle, again.memory, 2 * RANK_HOLD_MS).ranks)).toEqual([["a", standby]]);
  });

  it("treats what an operator loaded alike: it keeps its priority for a hold, and what it serves is worth after it", () => {
    const loaded = [instance("a", operator, 50)];
    const { ranks, memory } = rankPlacements(loaded, fresh, 0);
    expect(ranks).toEqual([]);
    expect(priorities(rankPlacements(loaded, memory, RANK_HOLD_MS).ranks)).toEqual([["a", serving]]);
  });

  it("leaves alone what a plan retains, counts it in the share of the others, and begins a hold once no plan does", () => {
    const held = { ...instance("a", serving, 0), isRetained: true };
    const rare = { ...instance("b", standby, 99), isRetained: true };
    const beside = [held, rare, instance("c", standby, 4.9)];
    const first = rankPlacements(beside, fresh, 0);
    expect(priorities(first.ranks)).toEqual([["c", requested]]);
    const late = rankPlacements(beside, first.memory, 10 * RANK_HOLD_MS);
    expect(priorities(late.ranks)).toEqual([["c", requested]]);
    const dropped = [instance("a", serving, 0)];
    const { ranks, memory } = rankPlacements(dropped, late.memory, 10 * RANK_HOLD_MS);
    expect(ranks).toEqual([]);
    expect(priorities(rankPlacements(dropped, memory, 11 * RANK_HOLD_MS).ranks)).toEqual([["a", standby]]);
  });

  it("leaves alone what nothing is known of, for however long", () => {
    const { memory } = rankPlacements([instance("a", serving, 0)], fresh, 0);
    const silent = rankPlacements([instance("a", serving, null)], memory, 1e9);
    expect([silent.ranks, [...silent.memory]]).toEqual([[], []]);
    expect(rankPlacements([instance("a", serving, 0)], silent.memory, 1e9).ranks).toEqual([]);
  });
});
