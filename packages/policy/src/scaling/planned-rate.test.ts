import type { ArrivalEnvelope } from "./arrival-envelope";
import { plannedBursts, plannedRate } from "./planned-rate";
import { rateInterval } from "./rate-interval";

const none = { seconds: 0, offered: 0, retried: 0, inTime: 0, late: 0, givenUp: 0, downgraded: 0, cold: 0 };
const refusedByReason = { full: 0, late: 0, infeasible: 0, unavailable: 0, failed: 0 };

/** So many queries in so many seconds; `steady`: the same of a longer window. */
function demand(
  arrivals: number,
  seconds: number,
  { steady = null as readonly [number, number] | null, envelope = [] as ArrivalEnvelope } = {},
) {
  const rate = rateInterval(arrivals, seconds);
  const steadyRate = steady === null ? null : rateInterval(...steady);
  const figures = { ...none, refusedByReason, attainment: null, rate, steadyRate, envelope };
  return { arrivals, rate, latencyMs: 1_000, figures };
}

describe("plannedRate", () => {
  it("is the upper bound of what was asked for long", () => {
    expect(plannedRate(demand(60, 60))).toBe(rateInterval(60, 60).upper);
    expect(plannedRate(demand(40, 1, { steady: [160, 4] }))).toBe(rateInterval(160, 4).upper);
  });

  it("is the rate itself at once when it rises, without the width of its interval", () => {
    expect(plannedRate(demand(100, 1, { steady: [130, 4] }))).toBe(100);
  });

  it("is the lower bound of a few queries within a moment", () => {
    expect(plannedRate(demand(5, 0.25))).toBe(rateInterval(5, 0.25).lower);
    expect(plannedRate(demand(1, 0.25))).toBeLessThan(1);
  });

  it("is a burst that the rate is too slow to show", () => {
    const envelope = [{ windowMs: 1_000, arrivals: 90 }];
    expect(plannedRate(demand(40, 4, { steady: [40, 4], envelope }))).toBe(45);
  });
});

describe("plannedBursts", () => {
  const envelope = [400, 1_000, 2_000, 8_000, 60_000].map((windowMs) => ({ windowMs, arrivals: 10 }));

  it.each([
    [100, 1, [1_000, 2_000]],
    [40, 4, [1_000, 2_000, 8_000]],
    [3, 60, [1_000, 2_000, 8_000, 60_000]],
  ])("are those of a second to two windows of the rate: %i queries in %i s", (arrivals, seconds, kept) => {
    expect(plannedBursts(demand(arrivals, seconds, { envelope })).map((p) => p.windowMs)).toEqual(kept);
  });
});
