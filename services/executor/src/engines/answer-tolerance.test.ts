import { Precision } from "@infaas/api";
import { allowedDifference, answerTolerance } from "./answer-tolerance";

describe("allowedDifference", () => {
  it("is the tolerance, relative to the magnitude where that is above 1", () => {
    expect(allowedDifference(1e-5, "FP32", 0.5)).toBe(1e-5);
    expect(allowedDifference(1e-5, "FP32", 20)).toBe(20 * 1e-5);
  });

  it.each([
    ["FP16", 1],
    ["BF16", 8],
  ])("is a step of %s at least: between 1024 and 2048 its neighbours are %i apart", (datatype, step) => {
    expect(allowedDifference(answerTolerance(Precision.FP32), datatype, 1_024)).toBe(step);
  });

  it("is no more than the tolerance where numbers of few digits are small", () => {
    expect(allowedDifference(1e-5, "FP16", 1e-3)).toBe(1e-5);
  });
});
