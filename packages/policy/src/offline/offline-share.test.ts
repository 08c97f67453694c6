import { FIRST_OFFLINE_SHARE, type OfflineFacts, offlineShare } from "./offline-share";

const idle: OfflineFacts = { windowRows: 100, onlineRows: 0, ended: 0, missed: 0, neededShare: 0 };

/** Shares decided each quarter of a second, from the first on. */
function decided(facts: readonly OfflineFacts[]): number[] {
  let share = FIRST_OFFLINE_SHARE;
  return facts.map((each, i) => {
    share = offlineShare(share, each, i * 250);
    return share.rows;
  });
}

const times = (count: number, facts: OfflineFacts) => Array.from({ length: count }, () => facts);

describe("offlineShare", () => {
  it("takes all of an idle window at once, and what online queries leave of it from then on", () => {
    expect(decided([idle, { ...idle, onlineRows: 30 }, { ...idle, onlineRows: 99.5 }])).toEqual([100, 70, 5]);
  });

  it("falls to the minimum when an online query missed its objective, waits, and grows again", () => {
    const rows = decided([idle, { ...idle, missed: 1 }, ...times(8, idle), ...times(8, idle)]);
    expect(rows.slice(0, 10)).toEqual([100, 5, 5, 5, 5, 5, 5, 5, 5, 18]);
    expect(rows.at(-1)).toBe(100);
    expect(rows.slice(9).every((row, i, all) => i === 0 || row >= all[i - 1]!)).toBe(true);
  });

  it("stays at the minimum while they go on missing it", () => {
    expect(new Set(decided([idle, ...times(40, { ...idle, missed: 3 })]).slice(1))).toEqual(new Set([5]));
  });

  it.each([
    ["nothing is ready", { ...idle, windowRows: 0 }, 1],
    ["online queries fill the window", { ...idle, onlineRows: 500 }, 5],
    ["online queries miss their objective", { ...idle, missed: 9 }, 5],
    ["a deadline needs more", { ...idle, missed: 9, neededShare: 0.4 }, 40],
    ["a deadline needs more than there is", { ...idle, missed: 9, neededShare: 7 }, 100],
    ["one row is all there is", { ...idle, windowRows: 2, missed: 1 }, 1],
  ])("never goes below the minimum share: %s", (_, facts, rows) => {
    expect(decided(times(20, facts)).at(-1)).toBe(rows);
  });

  it("bears a miss among a hundred", () => {
    expect(decided([idle, { ...idle, ended: 100, missed: 1 }])).toEqual([100, 100]);
    expect(decided([idle, { ...idle, ended: 100, missed: 2 }])).toEqual([100, 5]);
  });

  it("follows a window that grows no faster than it would have grown", () => {
    expect(decided([idle, { ...idle, windowRows: 1000 }])).toEqual([100, 225]);
  });
});
