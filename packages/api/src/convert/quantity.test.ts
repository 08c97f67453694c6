import { quantityOf } from "./quantity";

describe("quantityOf", () => {
  it.each([
    ["95%", "share", 0.95],
    ["98.5 %", "share", 0.985],
    ["0.95", "share", 0.95],
    ["50", "ms", 50],
    ["50ms", "ms", 50],
    ["0.05s", "ms", 50],
    ["1min", "ms", 60_000],
    ["250us", "ms", 0.25],
    ["1e1s", "ms", 10_000],
    [" 2e-6 ", undefined, 2e-6],
    [".5", undefined, 0.5],
  ] as const)("reads %j as %s %d", (text, unit, value) => {
    expect(quantityOf(text, unit)).toBe(value);
  });

  it.each([
    ["95%", "ms"],
    ["50ms", "share"],
    ["2s", undefined],
    ["", "ms"],
    ["fast", "ms"],
    ["1e999", "ms"],
    ["5 hours", "ms"],
    ["5toString", "ms"],
    ["0,95", "share"],
  ] as const)("takes %j of %s for nothing", (text, unit) => {
    expect(quantityOf(text, unit)).toBeNull();
  });
});
