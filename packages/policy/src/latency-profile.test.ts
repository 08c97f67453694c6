import { bestBatch, fitProfile, predictBatchMs } from "./latency-profile";
import { pointsOf } from "./testing/snapshots";

describe("fitProfile", () => {
  it("finds the line the figures were made from, and nothing left over", () => {
    const measured = [1, 2, 4, 8].map((batch) => ({ batch, samplesMs: [1.1902 * batch + 2.7069] }));
    const { fit } = fitProfile(measured);
    expect(fit.alphaMs).toBeCloseTo(2.7069, 9);
    expect(fit.betaMs).toBeCloseTo(1.1902, 9);
    expect(fit.worstResidualMs).toBeCloseTo(0, 9);
  });

  it("reports quantiles by nearest rank, ascending by batch, and the worst residual", () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    const { points, fit } = fitProfile([
      { batch: 4, samplesMs: [10] },
      { batch: 1, samplesMs: hundred },
      { batch: 2, samplesMs: [] },
    ]);
    expect(points).toEqual([
      { batch: 1, p50Ms: 50, p95Ms: 95, p99Ms: 99 },
      { batch: 4, p50Ms: 10, p95Ms: 10, p99Ms: 10 },
    ]);
    expect(fit.worstResidualMs).toBeCloseTo(0, 9);
    const bent = [1, 2, 3].map((batch) => ({ batch, samplesMs: [batch === 2 ? 4 : 1] }));
    expect(fitProfile(bent).fit.worstResidualMs).toBeCloseTo(2, 9);
  });

  it("has a flat line when nothing or one size was measured", () => {
    // A host under a quota: small batches run unhindered, larger ones are stopped.
    const stopped = fitProfile(
      [1, 8, 16].map((batch) => ({ batch, samplesMs: [batch < 8 ? 0.2 : batch - 6] })),
    );
    expect(stopped.fit.alphaMs).toBe(0);
    expect(stopped.fit.betaMs).toBeCloseTo((0.2 + 16 + 160) / (1 + 64 + 256), 9);
    expect(fitProfile([]).fit).toEqual({ alphaMs: 0, betaMs: 0, worstResidualMs: 0 });
    expect(fitProfile([{ batch: 1, samplesMs: [3] }]).fit).toMatchObject({ alphaMs: 3, betaMs: 0 });
  });
});

describe("predictBatchMs", () => {
  const profile = fitProfile([
    { batch: 1, samplesMs: [10] },
    { batch: 4, samplesMs: [16] },
  ]);

  it.each([
    ["a measured size", 4, 16],
    ["a size between two", 2, 12],
    ["a size beyond the largest, by the slope of the fit", 6, 20],
  ])("predicts %s", (_, batch, ms) => expect(predictBatchMs(profile, batch, "p95")).toBeCloseTo(ms, 9));

  it("falls back to the fit when nothing was measured", () => {
    const fit = { alphaMs: 5, betaMs: 2, worstResidualMs: 0 };
    expect(predictBatchMs({ points: [], fit }, 3, "p50")).toBe(11);
  });
});

describe("bestBatch", () => {
  it("is the largest size measured while items/s still rises", () => {
    const points = [1, 2, 4, 8].map((batch) => ({ batch, p50Ms: 5 + batch, p95Ms: 0, p99Ms: 0 }));
    expect(bestBatch({ points })).toBe(8);
  });

  it("is one when larger batches gain nothing", () => expect(bestBatch({ points: pointsOf(3) })).toBe(1));
});
