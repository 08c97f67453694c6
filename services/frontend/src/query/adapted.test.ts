import { adaptMs } from "./adapted";

const times = { executorMs: 20, queueMs: 1, gatherMs: 0.5, runMs: 3, scatterMs: 0.5 };
const picture = [{ name: "image", datatype: "BYTES" }];

describe("adaptMs", () => {
  it("is what the executor took besides the stages of the batch", () => {
    expect(adaptMs(picture, "image", times)).toBe(15);
  });

  it.each([
    ["of tensors", [{ name: "image", datatype: "FP32" }], "image"],
    ["of strings that the model itself takes", picture, undefined],
    ["of another input", picture, "text"],
  ] as const)("is 0 for a query %s", (_, sent, adapter) => {
    expect(adaptMs(sent, adapter, times)).toBe(0);
  });
});
