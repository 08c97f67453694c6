import { type DeadlineFacts, neededShare, planDeadline } from "./offline-deadline";

const facts: DeadlineFacts = {
  rows: 8_000,
  rowsPerSecond: 100,
  onlineShare: 0,
  promisedShare: 0,
  nowMs: 1_000,
};

describe("planDeadline", () => {
  it("tells the share that a deadline needs", () => {
    expect(planDeadline(facts, 1_000 + 200_000)).toEqual({ kind: "fits", neededShare: 0.5 });
  });

  it.each([
    ["alone", facts, 100_000],
    ["beside online queries", { ...facts, onlineShare: 0.5 }, 200_000],
    ["beside a promise", { ...facts, promisedShare: 0.4 }, 200_000],
    ["where nothing is left, at the minimum share", { ...facts, onlineShare: 1 }, 1_600_000],
  ])("refuses one that is too early with the time that could be: %s", (_, given, takesMs) => {
    const earliestMs = 1_000 + takesMs;
    expect(planDeadline(given, earliestMs - 1)).toEqual({ kind: "late", earliestMs });
    expect(planDeadline(given, earliestMs + 1).kind).toBe("fits");
  });

  it("promises nothing where nothing is ready", () => {
    expect(planDeadline({ ...facts, rowsPerSecond: 0 }, 1e12)).toEqual({ kind: "late", earliestMs: null });
  });
});

describe("neededShare", () => {
  it("is all where nothing is ready, and none once the deadline has passed", () => {
    expect(neededShare({ ...facts, rowsPerSecond: 0 }, 2_000)).toBe(1);
    expect(neededShare(facts, 999)).toBe(0);
    expect(neededShare({ ...facts, rows: 0 }, 2_000)).toBe(0);
  });
});
