import fc from "fast-check";
import {
  type ArrivalEnvelope,
  ArrivalWindows,
  addedEnvelopes,
  burstBeyond,
  envelopeRate,
  envelopeWindows,
} from "./arrival-envelope";

/** The most arrivals in any window of this length, counted by hand. */
function mostWithin(arrivalsMs: readonly number[], windowMs: number): number {
  return Math.max(
    0,
    ...arrivalsMs.map((from) => arrivalsMs.filter((t) => t >= from && t < from + windowMs).length),
  );
}

describe("envelopeWindows", () => {
  it.each<[number | null, readonly number[]]>([
    [20_000, [20_000, 40_000, 60_000]],
    [null, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000]],
    [90_000, [60_000]],
  ])("of a latency of %p ms are doubled up to a minute", (latencyMs, windows) => {
    expect(envelopeWindows(latencyMs)).toEqual(windows);
  });

  it("are few even for the shortest objective", () => {
    expect(envelopeWindows(0.1)).toHaveLength(14);
  });
});

describe("ArrivalWindows", () => {
  const traces = fc
    .array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 60 })
    .map((gaps) => gaps.map((_, i) => gaps.slice(0, i + 1).reduce((sum, gap) => sum + gap, 0)));

  it("counts no more than any window had, and no less than any three quarters of one", () => {
    fc.assert(
      fc.property(traces, fc.integer({ min: 10, max: 900 }), (arrivalsMs, windowMs) => {
        const windows = new ArrivalWindows([windowMs]);
        for (const atMs of arrivalsMs) windows.add(1, atMs);
        const [most = 0] = windows.most();
        expect(most).toBeLessThanOrEqual(mostWithin(arrivalsMs, windowMs));
        expect(most).toBeGreaterThanOrEqual(mostWithin(arrivalsMs, 0.75 * windowMs));
      }),
    );
  });

  it("shows a burst while it lasts, in the shortest window", () => {
    const windows = new ArrivalWindows([500, 1_000]);
    for (let ms = 0; ms < 10_000; ms += 100) windows.add(1, ms);
    windows.add(300, 10_000);
    expect(windows.most()[0]).toBeGreaterThanOrEqual(300);
  });

  it("forgets what was before the turn before the last one", () => {
    const windows = new ArrivalWindows([100]);
    windows.add(50, 0);
    windows.turn();
    windows.add(2, 5_000);
    expect(windows.most()).toEqual([50]);
    windows.turn();
    expect(windows.most()).toEqual([2]);
  });
});

const envelope: ArrivalEnvelope = [
  { windowMs: 500, arrivals: 312 },
  { windowMs: 60_000, arrivals: 6_000 },
];

describe("burstBeyond", () => {
  it("names the shortest window that has more than the plan answers, with both numbers", () => {
    expect(burstBeyond(envelope, 280, 500)).toMatchObject({
      windowMs: 500,
      because: "312 in 0.5 s, planned 280",
    });
  });

  it("is null when the plan holds for every window", () => {
    expect(burstBeyond(envelope, 312, 500)).toBeNull();
  });
});

describe("envelopeRate", () => {
  it("is the least rate that no window goes beyond", () => {
    const rate = envelopeRate(envelope, 500);
    expect(rate).toBe(312);
    expect(burstBeyond(envelope, rate, 500)).toBeNull();
    expect(burstBeyond(envelope, 0.99 * rate, 500)).not.toBeNull();
  });

  it("is 0 where nothing came", () => {
    expect(envelopeRate([], 500)).toBe(0);
  });
});

describe("addedEnvelopes", () => {
  it("adds up windows of one length, the shortest first", () => {
    expect(addedEnvelopes([envelope, [{ windowMs: 100, arrivals: 9 }, ...envelope]])).toEqual([
      { windowMs: 100, arrivals: 9 },
      { windowMs: 500, arrivals: 624 },
      { windowMs: 60_000, arrivals: 12_000 },
    ]);
  });
});
