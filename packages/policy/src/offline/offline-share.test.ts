import { FIRST_OFFLINE_SHARE, type OfflineFacts, offlineShare } from "./offline-share";

const idle: OfflineFacts = { windowRows: 100, onlineRows: 0, ended: 0, missed: 0, neededShare: 0 };
const missing: OfflineFacts = { ...idle, ended: 10, missed: 1 };

/** Shares decided each quarter of a second, from the first on. */
function decided(facts: readonly OfflineFacts[]): number[] {
  let share = FIRST_OFFLINE_SHARE;
  return facts.map((each, i) => {
    share = offlineShare(share, each, i * 250);
    return share.rows;
  });
}

const times = (count: number, facts: OfflineFacts) => Array.from({ length: count }, () => facts);
/** Decisions until jobs have all that is left. */
const grown = times(8, idle);

describe("offlineShare", () => {
  it("doubles in an idle window, up to what online queries leave of it", () => {
    expect(decided(grown)).toEqual([2, 4, 8, 16, 32, 64, 100, 100]);
    expect(decided([...grown, { ...idle, onlineRows: 30 }, { ...idle, onlineRows: 99.5 }]).slice(-2)).toEqual(
      [70, 5],
    );
  });

  it("makes room at once when online queries miss their objective, and begins anew after the hold", () => {
    const rows = decided([...grown, missing, ...times(20, idle)]).slice(8);
    expect(rows.slice(0, 8)).toEqual(times(8, idle).map(() => 0));
    expect(rows.slice(8, 15)).toEqual([2, 4, 8, 16, 32, 64, 100]);
  });

  it("doubles the hold each time that it gave way too early, up to a minute", () => {
    let share = FIRST_OFFLINE_SHARE;
    const holds: number[] = [];
    for (let ms = 0; ms < 400_000; ms += 250) {
      const isHurt = share.rows >= 16;
      share = offlineShare(share, isHurt ? missing : idle, ms);
      if (isHurt) holds.push(share.holdMs);
    }
    expect(holds.slice(0, 7)).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    share = offlineShare({ ...share, pressedMs: null, releasedMs: 400_000 }, missing, 470_000);
    expect(share.holdMs).toBe(2_000);
  });

  it("bears a miss among a hundred", () => {
    expect(decided([...grown, { ...idle, ended: 100, missed: 1 }]).at(-1)).toBe(100);
    expect(decided([...grown, { ...idle, ended: 100, missed: 2 }]).at(-1)).toBe(0);
  });

  it("never takes the minimum: a twentieth of the window for a twentieth of the time", () => {
    const rows = decided([...grown, ...times(400, missing)]).slice(8);
    expect(new Set(rows)).toEqual(new Set([0, 5]));
    expect(rows.filter((each) => each === 5)).toHaveLength(20);
  });

  it.each([
    ["a deadline needs more", { ...missing, neededShare: 0.4 }, 40],
    ["a deadline needs more than there is", { ...missing, neededShare: 7 }, 100],
  ])("gives what deadlines need all the time: %s", (_, facts, rows) => {
    expect(new Set(decided(times(60, facts)))).toEqual(new Set([rows]));
  });

  it.each([
    ["nothing is ready", { ...idle, windowRows: 0 }, 1],
    ["online queries fill the window", { ...idle, onlineRows: 500 }, 5],
  ])("has some rows under way where nobody misses anything: %s", (_, facts, rows) => {
    expect(decided(times(20, facts)).at(-1)).toBe(rows);
  });
});
