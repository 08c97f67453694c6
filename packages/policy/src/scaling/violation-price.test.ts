import { classDemand } from "../testing/scaling-facts";
import type { ClassDemand } from "./capacity";
import { nextViolationFactor, VIOLATION_FACTOR_LEAST, VIOLATION_FACTOR_MOST } from "./violation-price";

const asked = (attainment: number | null, perSecond = 10): ClassDemand =>
  classDemand(perSecond * 10, 10, {
    latencyMs: 50,
    figures: { attainment } as NonNullable<ClassDemand["figures"]>,
  });
const after = (factor: number, demand: readonly ClassDemand[], seconds = 1) =>
  nextViolationFactor(factor, demand, { attainmentTarget: 0.99 }, seconds);

describe("nextViolationFactor", () => {
  it("rises while the target is missed, and falls slowly while it is met", () => {
    expect(after(20, [asked(0.9)])).toBeGreaterThan(20);
    expect(after(20, [asked(0.999)])).toBeLessThan(20);
    expect(after(20, [asked(0.9)]) - 20).toBeGreaterThan(20 - after(20, [asked(0.999)]));
  });

  it("goes no further than its bounds", () => {
    expect(after(150, [asked(0)], 3_600)).toBe(VIOLATION_FACTOR_MOST);
    expect(after(20, [asked(1)], 36_000)).toBe(VIOLATION_FACTOR_LEAST);
  });

  it("weighs classes by their queries, and stays where none ended", () => {
    expect(after(20, [asked(0.5, 1), asked(1, 1_000)])).toBeLessThan(20);
    expect(after(20, [asked(null)])).toBe(20);
    expect(after(20, [])).toBe(20);
  });

  it("does not depend on how often it is asked", () => {
    expect(after(after(20, [asked(0.9)], 0.5), [asked(0.9)], 0.5)).toBeCloseTo(after(20, [asked(0.9)], 1));
  });
});
