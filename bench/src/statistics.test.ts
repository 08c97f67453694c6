import { median, quantile } from "./statistics";

describe("median", () => {
  it("does not depend on the order", () => expect(median([9, 1, 5])).toBe(5));
  it("is the lower of two middles", () => expect(median([1, 2, 3, 4])).toBe(2));
  it("of nothing is no number", () => expect(median([])).toBeNaN());
});

describe("quantile", () => {
  it.each([
    [0, 1],
    [0.25, 1],
    [0.99, 4],
    [1, 4],
  ])("at %d of four is %d", (share, value) => expect(quantile([4, 3, 2, 1], share)).toBe(value));
});
