import { isBestConfirmed, isRationed, saturationOf, windowMs } from "./saturation";

const ONE = { threads: 1, concurrency: 1 };
/** An item takes so much CPU time. */
const ITEM_MS = 2;

/** CPU time that a quota of half a core gives within a window that begins with a period: 5 ms of every 10. */
function quotaMs(elapsedMs: number): number {
  return 5 * Math.floor(elapsedMs / 10) + Math.min(5, elapsedMs % 10);
}

describe("saturationOf", () => {
  it.each([
    ["25 ms, which begin with what a period leaves over", 25, 0],
    ["one period", 10, 0],
    ["ten periods", 100, 0],
    ["ten periods, of which another process took the most", 100, 40],
  ])("is half of a core's where the host gives half a core, in %s", (_, elapsedMs, takenMs) => {
    const cpuMs = quotaMs(elapsedMs) - takenMs;
    const window = { items: cpuMs / ITEM_MS, elapsedMs, cpuMs };
    expect(saturationOf(window, ONE, 0.5)).toBeCloseTo(250);
  });

  it("is by the clock where threads have all the cores that they could use: they may wait for memory and each other", () => {
    const window = { items: 50, elapsedMs: 25, cpuMs: 40 };
    expect(saturationOf(window, { threads: 1, concurrency: 2 }, 2)).toBeCloseTo(2_000);
    expect(saturationOf(window, ONE, 1.5)).toBeCloseTo(2_000);
  });

  it("is by the clock where no CPU time was counted", () => {
    expect(saturationOf({ items: 50, elapsedMs: 25, cpuMs: 0 }, ONE, 0.5)).toBeCloseTo(2_000);
  });
});

describe("windowMs", () => {
  it("lasts several periods of a quota where there may be one", () => {
    expect(isRationed(ONE, 0.5)).toBe(true);
    expect(isRationed(ONE, 1)).toBe(false);
    expect(windowMs(ONE, 0.5)).toBeGreaterThan(windowMs(ONE, 1));
  });
});

describe("isBestConfirmed", () => {
  it.each([
    [[100, 99], false],
    [[100, 60, 96], true],
    [[100, 94, 90], false],
    [[100, 94, 90, 101], true],
  ])(
    "of %j is %s: a second of at least three windows comes within 5 %% of the best",
    (windows, confirmed) => {
      expect(isBestConfirmed(windows)).toBe(confirmed);
    },
  );
});
