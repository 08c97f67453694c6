import { type Batcher, openBatcher } from "../lib";
import { bytesOf, doubling, floats } from "./models";

const base = { instances: 1, intraOpThreads: 1, maxBatch: 8 };

describe("openBatcher", () => {
  let batcher: Batcher;
  afterEach(() => batcher.close());

  it("describes the model's tensors", async () => {
    batcher = await openBatcher({ path: doubling([4]), ...base });
    expect(batcher.batchable).toBe(true);
    expect(batcher.inputs).toEqual([{ name: "x", dtype: "float32", dims: ["N", 4], itemBytes: 16 }]);
    expect(batcher.outputs).toEqual([{ name: "y", dtype: "float32", dims: ["N", 4], itemBytes: 16 }]);
  });

  it("answers one request", async () => {
    batcher = await openBatcher({ path: doubling([4]), ...base });
    const result = await batcher.submit([bytesOf(Float32Array.of(1, 2, 3, 4))], { rows: 1 });
    expect(floats(result.outputs[0]!)).toEqual([2, 4, 6, 8]);
    expect(result.outputDims).toEqual([[1, 4]]);
    expect(result.batchSize).toBe(1);
  });

  it("gives memory back while it answers, and after it is closed does nothing", async () => {
    batcher = await openBatcher({ path: doubling([4]), ...base });
    for (let round = 0; round < 20; round++) {
      const answer = batcher.submit([bytesOf(Float32Array.of(1, 2, 3, round))], { rows: 1 });
      const [result] = await Promise.all([answer, batcher.trim(), batcher.trim()]);
      expect(floats(result.outputs[0]!)).toEqual([2, 4, 6, 2 * round]);
    }
    await batcher.close();
    await batcher.trim();
  });

  it("batches requests of one turn, and gives each its own rows", async () => {
    // Waits until it is full: an engine thread that happens to look within the turn must not take a part of it.
    batcher = await openBatcher({ path: doubling([2]), ...base, maxBatch: 6, maxQueueDelayMs: 60_000 });
    const results = await Promise.all(
      [1, 2, 3].map((rows) => {
        const values = Float32Array.from({ length: rows * 2 }, (_, i) => rows * 100 + i);
        return batcher.submit([bytesOf(values)], { rows });
      }),
    );
    expect(results.map((r) => r.batchSize)).toEqual([6, 6, 6]);
    expect(results.map((r) => r.outputDims)).toEqual([[[1, 2]], [[2, 2]], [[3, 2]]]);
    expect(results.map((r) => floats(r.outputs[0]!))).toEqual([
      [200, 202],
      [400, 402, 404, 406],
      [600, 602, 604, 606, 608, 610],
    ]);
  });
});
