import { costPerQueryUsd, fitsHost, hostShare } from "./cost";
import { executor, variant } from "./testing/snapshots";

describe("costPerQueryUsd", () => {
  it("prices TensorFlow on 4 of 8 vCPU at half the host (docs/design/policy.md, section 7)", () => {
    const tensorflow = variant({
      name: "r50-tf",
      threads: 4,
      saturationPerSecond: 4.1,
      peakMemoryBytes: 1e9,
    });
    expect(hostShare(tensorflow, executor())).toBe(0.5);
    expect(costPerQueryUsd(tensorflow, executor())).toBeCloseTo((0.384 * 0.5) / 3600 / 4.1, 15);
  });

  it("takes memory as the share when that is the larger", () => {
    expect(hostShare(variant({ name: "wide", peakMemoryBytes: 24e9 }), executor())).toBe(0.75);
  });

  it("gives a GPU variant the whole device, which makes TensorRT cheaper per query than the CPU", () => {
    const gpu = executor({ deviceKinds: ["cpu", "cuda"], pricePerHourUsd: 3.06, memoryBytes: 61e9 });
    const tensorrt = variant({ name: "r50-trt", deviceKind: "cuda", saturationPerSecond: 654 });
    const tensorflow = variant({ name: "r50-tf", threads: 4, saturationPerSecond: 4.1 });
    expect(costPerQueryUsd(tensorrt, gpu)).toBeCloseTo(3.06 / 3600 / 654, 15);
    expect(costPerQueryUsd(tensorrt, gpu)).toBeLessThan(costPerQueryUsd(tensorflow, executor()));
  });

  it("gives a variant of the host device the whole of it as well, wherever there is one", () => {
    const host = executor({ deviceKinds: ["cpu", "host"] });
    const kernels = variant({ name: "kernels", deviceKind: "host", threads: 9 });
    expect(hostShare(kernels, host)).toBe(1);
    expect([fitsHost(kernels, host), fitsHost(kernels, executor())]).toEqual([true, false]);
  });

  it("never takes more than the host", () => {
    expect(hostShare(variant({ name: "greedy", threads: 16 }), executor())).toBe(1);
  });
});

describe("fitsHost", () => {
  it.each([
    ["another device", { deviceKind: "cuda" as const }],
    ["more threads than cores", { threads: 9 }],
    ["more memory than there is", { peakMemoryBytes: 33e9 }],
  ])("refuses %s", (_, over) => expect(fitsHost(variant({ name: "v", ...over }), executor())).toBe(false));
});
