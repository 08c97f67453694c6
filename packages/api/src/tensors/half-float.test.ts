import { bfloatBits, bfloatValue, halfBits, halfValue } from "./half-float";

/** Bits of 16 whose value has other bits than these, or for no number other than `notANumber`. */
function othersThanGiven(
  decode: (bits: number) => number,
  encode: (value: number) => number,
  notANumber: number,
): number[] {
  return Array.from({ length: 0x1_0000 }, (_, bits) => bits).filter((bits) => {
    const value = decode(bits);
    return encode(value) !== (Number.isNaN(value) ? notANumber : bits);
  });
}

describe("halfBits", () => {
  it("gives back the bits of every half there is", () => {
    expect(othersThanGiven(halfValue, halfBits, 0x7e00)).toEqual([]);
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
    expect(othersThanGiven(bfloatValue, bfloatBits, 0x7fc0)).toEqual([]);
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
