import { weightLimitHere, weightLimitOf } from "./processor";

describe("weightLimitOf", () => {
  it.each([
    ["flags\t\t: fpu sse2 avx2 fma\n", 64],
    ["flags\t\t: fpu avx2 avx_vnni\n", 127],
    ["flags\t\t: fpu avx512f avx512_vnni\n", 127],
    ["model name\t: something with avx_vnni in its name\n", 64],
    ["", 64],
  ])("is for a processor of %j: %d", (cpuinfo, limit) => {
    expect(weightLimitOf(cpuinfo)).toBe(limit);
  });

  it("knows the processor it runs on", async () => {
    expect([64, 127]).toContain(await weightLimitHere());
  });
});
