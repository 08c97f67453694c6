import { DeviceKind, Precision } from "@infaas/api";
import { corePlans, maxBatches, ON_CPU, onDevice, variantName } from "./variant-generator";

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

describe("maxBatches", () => {
  it("offers single rows, and the largest batch where there is one", () => {
    expect(maxBatches(16)).toEqual([1, 16]);
    expect(maxBatches(1)).toEqual([1]);
  });
});

describe("variantName", () => {
  it("says everything that tells variants apart", () => {
    const o = { architecture: "cnn-m", version: 2, precision: Precision.INT8, threads: 1, maxBatch: 16 };
    expect(variantName({ ...o, runsOn: ON_CPU })).toBe("cnn-m.v2.onnxruntime-cpu-int8-t1-b16");
    expect(variantName({ ...o, runsOn: onDevice(DeviceKind.HOST) })).toBe(
      "cnn-m.v2.kernels-host-int8-t1-b16",
    );
  });
});
