import { seededRandom } from "@infaas/runtime";
import { exponential } from "../workload/draws";
import { bootstrapped } from "./statistics";

describe("bootstrapped", () => {
  it("is the value itself where all are equal, and the same for the same random numbers", () => {
    expect(bootstrapped([3, 3, 3], seededRandom(1))).toEqual({ mean: 3, low: 3, high: 3 });
    const values = [1, 2, 4, 8, 16];
    expect(bootstrapped(values, seededRandom(1))).toEqual(bootstrapped(values, seededRandom(1)));
  });

  it("holds the true mean of a skewed distribution about as often as it says", () => {
    const random = seededRandom(7);
    const rounds = 200;
    let held = 0;
    for (let round = 0; round < rounds; round++) {
      const { low, high } = bootstrapped(
        Array.from({ length: 20 }, () => exponential(random)),
        random,
      );
      if (low <= 1 && high >= 1) held++;
    }
    // Percentile intervals of 20 skewed values hold less often than they say.
    expect(held / rounds).toBeGreaterThan(0.85);
    expect(held / rounds).toBeLessThan(0.99);
  });
});
