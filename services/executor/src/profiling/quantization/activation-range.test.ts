import fc from "fast-check";
import { joinRanges, scaleOf } from "./activation-range";

const finite = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 });

describe("scaleOf", () => {
  it("gives everything to positive values after a Relu", () => {
    expect(scaleOf({ min: 0, max: 25.5 })).toEqual({ scale: Math.fround(0.1), zeroPoint: 0 });
  });

  it("keeps zero exact and the whole range within half a step of a level", () => {
    fc.assert(
      fc.property(finite, finite, (a, b) => {
        const range = { min: Math.min(a, b), max: Math.max(a, b) };
        const { scale, zeroPoint } = scaleOf(range);
        expect(Number.isInteger(zeroPoint)).toBe(true);
        for (const value of [0, range.min, range.max]) {
          const level = Math.max(0, Math.min(255, Math.round(value / scale) + zeroPoint));
          expect(Math.abs((level - zeroPoint) * scale - value)).toBeLessThanOrEqual(scale * 1.001);
        }
      }),
    );
  });

  it("has a usable scale for an activation that is always zero", () => {
    expect(scaleOf({ min: 0, max: 0 })).toEqual({ scale: 1, zeroPoint: 0 });
  });
});

describe("joinRanges", () => {
  it("covers both", () => {
    expect(joinRanges({ min: -1, max: 2 }, { min: 0, max: 5 })).toEqual({ min: -1, max: 5 });
  });
});
