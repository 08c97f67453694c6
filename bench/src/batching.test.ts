import { measureBatching } from "./batching";
import { zooSubjects } from "./subjects";

describe("measureBatching", () => {
  it("drives a real model through the batcher and by itself", async () => {
    const subject = zooSubjects().find(({ name }) => name === "digits-mlp-l");
    const report = await measureBatching(subject!, { instances: 1, windows: 2, windowMs: 30 });
    expect(report.alone.itemsPerSecond).toBeGreaterThan(0);
    expect(report.batched.itemsPerSecond).toBeGreaterThan(0);
    expect(report.batched.batchMean).toBeGreaterThanOrEqual(1);
    expect(report.batched.batchMean).toBeLessThanOrEqual(report.bestBatch);
    expect(report.share).toBeGreaterThan(0);
  });
});
