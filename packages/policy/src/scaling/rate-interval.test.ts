import fc from "fast-check";
import { rateInterval } from "./rate-interval";

describe("rateInterval", () => {
  // Exact quantiles of the Gamma distribution (half of chi-squared's with twice the degrees of freedom).
  it.each([
    [0, 0, 2.9957],
    [3, 0.8177, 7.7537],
    [10, 5.4254, 16.9622],
    [30, 21.594, 40.691],
    [100, 84.139, 118.079],
  ])("bounds %i arrivals in a second by %f and %f", (arrivals, lower, upper) => {
    const interval = rateInterval(arrivals, 1);
    expect(Math.abs(interval.lower - lower)).toBeLessThanOrEqual(0.015 * Math.max(1, lower));
    expect(Math.abs(interval.upper - upper)).toBeLessThanOrEqual(0.015 * Math.max(1, upper));
  });

  it("holds the estimate between the bounds, which draw together as arrivals grow", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.double({ min: 0.5, max: 60, noNaN: true }), (n, s) => {
        const few = rateInterval(n, s);
        const many = rateInterval(4 * n, 4 * s);
        expect(few.lower).toBeLessThan(few.perSecond);
        expect(few.upper).toBeGreaterThan(few.perSecond);
        expect(many.upper - many.lower).toBeLessThan(few.upper - few.lower);
      }),
    );
  });

  it("knows nothing without time", () => {
    expect(rateInterval(5, 0)).toEqual({ perSecond: 0, lower: 0, upper: Number.POSITIVE_INFINITY });
  });
});
