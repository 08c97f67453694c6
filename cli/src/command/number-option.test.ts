import { numberOf } from "./number-option";

describe("numberOf", () => {
  it.each([
    ["95%", 0.95],
    ["98.5 %", 0.985],
    ["0.95", 0.95],
    ["1", 1],
    ["0%", 0],
  ])("reads %s as a share of %d", (text, share) => {
    expect(numberOf("accuracy", text, { unit: "share", least: 0, most: 1 })).toBe(share);
  });

  it.each([
    ["50", 50],
    ["50ms", 50],
    ["2s", 2_000],
    ["0.5 s", 500],
    ["1min", 60_000],
    ["250us", 0.25],
    ["1e-3", 0.001],
    ["1e1s", 10_000],
    [".5", 0.5],
  ])("reads %s as %d milliseconds", (text, milliseconds) => {
    expect(numberOf("latency", text, { unit: "ms", positive: true })).toBe(milliseconds);
  });

  it("takes no unit where none is named", () => {
    expect(() => numberOf("rows", "2s", {})).toThrow("--rows takes a number, '2s' was given");
  });
});
