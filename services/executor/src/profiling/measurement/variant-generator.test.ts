import { Precision } from "@infaas/api";
import { corePlans, findKnee, maxBatches, variantName } from "./variant-generator";

describe("corePlans", () => {
  it("offers one batch per core, and all cores for one batch", () => {
    expect(corePlans(4)).toEqual([
      { threads: 1, concurrency: 4 },
      { threads: 4, concurrency: 1 },
    ]);
  });

  it("offers one plan on a single core, where both are the same", () => {
    expect(corePlans(1)).toEqual([{ threads: 1, concurrency: 1 }]);
  });
});

describe("findKnee", () => {
  const curve = (...latenciesMs: number[]) => latenciesMs.map((p50Ms, step) => ({ batch: 2 ** step, p50Ms }));

  it.each([
    ["every doubling pays", curve(1, 1.1, 1.2, 1.3), 8],
    ["nothing pays", curve(1, 2, 4, 8), 1],
    ["larger batches are slower per item", curve(1, 1.5, 3.5, 9), 2],
    ["a gain stays under 5 %", curve(1, 1.5, 2.9), 2],
    ["one disturbed point lies before a real gain", curve(1, 2.2, 1.4), 4],
    ["only one batch size was measured", curve(3), 1],
  ])("when %s", (_, points, knee) => {
    expect(findKnee(points)).toBe(knee);
  });
});

describe("maxBatches", () => {
  it("offers single rows, and the knee where there is one", () => {
    expect(maxBatches(16)).toEqual([1, 16]);
    expect(maxBatches(1)).toEqual([1]);
  });
});

describe("variantName", () => {
  it("says everything that tells variants apart", () => {
    const o = { architecture: "cnn-m", version: 2, precision: Precision.INT8, threads: 1, maxBatch: 16 };
    expect(variantName(o)).toBe("cnn-m.v2.onnxruntime-cpu-int8-t1-b16");
  });
});
