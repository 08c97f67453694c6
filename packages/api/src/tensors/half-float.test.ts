import { bfloatBits, bfloatValue, halfBits, halfValue } from "./half-float";

describe("halfBits", () => {
  it("gives back the bits of every half there is", () => {
    for (let half = 0; half < 0x1_0000; half += 1) {
      const value = halfValue(half);
      if (Number.isNaN(value)) expect(halfBits(value)).toBe(0x7e00);
      else expect(halfBits(value)).toBe(half);
    }
  });

  it.each([
    [1 / 3, 0x3555],
    [65_504, 0x7bff],
    [65_519, 0x7bff],
    [65_520, 0x7c00],
    [-1e9, 0xfc00],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [3 * 2 ** -25, 0x0002],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [-0, 0x8000],
  ])("rounds %p to the nearest, ties to even", (value, half) => {
    expect(halfBits(value)).toBe(half);
  });
});

describe("bfloatBits", () => {
  it("gives back the bits of every bfloat16 there is", () => {
    for (let bfloat = 0; bfloat < 0x1_0000; bfloat += 1) {
      const value = bfloatValue(bfloat);
      if (Number.isNaN(value)) expect(bfloatBits(value)).toBe(0x7fc0);
      else expect(bfloatBits(value)).toBe(bfloat);
    }
  });

  it.each([
    [1 + 2 ** -8, 0x3f80],
    [1 + 3 * 2 ** -8, 0x3f82],
    [3.4e38, 0x7f80],
    [Number.NEGATIVE_INFINITY, 0xff80],
  ])("rounds %p to the nearest, ties to even", (value, bfloat) => {
    expect(bfloatBits(value)).toBe(bfloat);
  });
});
