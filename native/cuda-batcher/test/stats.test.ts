import { openBatcher, probe } from "../lib";
import { LoadedModel, measure, planBatch } from "../lib/testing";
import { dense, doubling } from "./models";

describe("stats", () => {
  it("adds up", async () => {
    const batcher = await openBatcher({ path: doubling([4]), instances: 1, intraOpThreads: 1, maxBatch: 8 });
    await Promise.all(Array.from({ length: 20 }, () => batcher.submit([new Uint8Array(16)], { rows: 1 })));
    const stats = batcher.stats();
    expect([stats.requests, stats.rows, stats.rowsRun]).toEqual([20, 20, 20]);
    expect(stats.batchRows.reduce((sum, count, rows) => sum + count * rows, 0)).toBe(20);
    expect(stats.batchRows.reduce((sum, count) => sum + count, 0)).toBe(stats.batches);
    expect(stats.runNs).toBeGreaterThan(0);
    expect(stats.busyNs).toBeGreaterThanOrEqual(stats.runNs);
    expect(stats.latencyMs[8]).toBeGreaterThan(0);
    await batcher.close();
  });
});

describe("openBatcher", () => {
  it("has run the model once before the first request, uncounted", async () => {
    const batcher = await openBatcher({ path: dense(64, 2), instances: 1, intraOpThreads: 1, maxBatch: 8 });
    const { batches, requests, busyNs, latencyMs } = batcher.stats();
    expect([batches, requests, busyNs, latencyMs[1]]).toEqual([0, 0, 0, 0]);
    await batcher.close();
  });
});

describe("Result.batchId", () => {
  it("is equal within a batch only", async () => {
    const batcher = await openBatcher({ path: doubling([4]), instances: 1, intraOpThreads: 1, maxBatch: 4 });
    const row = new Uint8Array(16);
    const ask = () => batcher.submit([row], { rows: 1 });
    const results = [...(await Promise.all([ask(), ask(), ask(), ask()])), await ask()];
    for (const { batchId, batchSize } of results)
      expect(results.filter((other) => other.batchId === batchId)).toHaveLength(batchSize);
    await batcher.close();
  });
});

describe("measure", () => {
  it("answers one latency per run, and items per second", async () => {
    const measured = await measure(dense(64, 2), {
      intraOpThreads: 1,
      instances: 2,
      batch: 4,
      iterations: 50,
    });
    expect(measured.latencyMs.length).toBe(50);
    expect(Math.min(...measured.latencyMs)).toBeGreaterThan(0);
    expect(measured.itemsPerSecond).toBeGreaterThan(0);
  });

  it("ends after its duration", async () => {
    const measured = await measure(dense(64, 2), {
      intraOpThreads: 1,
      batch: 1,
      durationMs: 20,
      warmUpMs: 5,
    });
    expect(measured.elapsedMs).toBeGreaterThan(0);
    expect(measured.elapsedMs).toBeLessThan(5000);
  });

  it("refuses what would not end", async () => {
    await expect(measure(dense(4, 1), { intraOpThreads: 1, batch: 1 })).rejects.toMatchObject({
      code: "INVALID",
    });
  });

  it("runs rows that it is given", async () => {
    const model = await LoadedModel.open({
      path: dense(64, 2),
      instances: 1,
      intraOpThreads: 1,
      maxBatch: 4,
    });
    const measured = await model.measure({ batch: 4, iterations: 10, inputs: [new Uint8Array(256)] });
    expect(measured.latencyMs.length).toBe(10);
    model.close();
  });
});

describe("LoadedModel.feed", () => {
  const open = () => LoadedModel.open({ path: dense(64, 2), instances: 2, intraOpThreads: 1, maxBatch: 4 });

  it("answers what a batcher of its own gave", async () => {
    const model = await open();
    const fed = await model.feed({ inFlight: 16, durationMs: 30, inputs: [new Uint8Array(256)] });
    expect(fed.itemsPerSecond).toBeGreaterThan(0);
    expect(fed.batchMean).toBeGreaterThanOrEqual(1);
    expect(fed.batchMean).toBeLessThanOrEqual(4);
    expect(fed.engineUsPerItem).toBeGreaterThan(0);
    model.close();
  });

  it.each([
    [{ inFlight: 0, durationMs: 1 }, "inFlight is 0, allowed are whole numbers from 1"],
    [{ inFlight: 1, durationMs: 0 }, "durationMs is 0, allowed are numbers above 0"],
    [{ inFlight: 1, durationMs: 1, inputs: [new Uint8Array(8)] }, "input 'x' has 8 bytes, one row needs 256"],
  ])("refuses %j", async (load, message) => {
    const model = await open();
    await expect(model.feed(load)).rejects.toMatchObject({ code: "INVALID", message });
    model.close();
  });
});

describe("planBatch", () => {
  const latencyMs = Float64Array.of(0, 11, 12, 13, 14);
  const queue = (deadlines: number[]) => ({
    arrivalMs: new Float64Array(deadlines.length),
    deadlineMs: Float64Array.from(deadlines),
    rows: new Int32Array(deadlines.length).fill(1),
  });

  it("takes what is in time and drops what is not", () => {
    const plan = planBatch(0, queue([5, 100, 100]), { latencyMs });
    expect([...plan.drop]).toEqual([0]);
    expect([...plan.take]).toEqual([1, 2]);
    expect(plan.startAtMs).toBeLessThanOrEqual(0);
  });

  it("holds a batch for its queue delay", () => {
    const plan = planBatch(1, queue([Infinity]), { latencyMs, maxQueueDelayMs: 5 });
    expect(plan.startAtMs).toBe(5);
  });
});

describe("probe", () => {
  it("says what this host has, and why not what it has not", () => {
    const found = probe();
    expect(found.engines.find((engine) => engine.id === "onnxruntime")).toMatchObject({
      ok: true,
      version: expect.stringMatching(/^1\.\d+\.\d+/),
    });
    expect(found.engines.find((engine) => engine.id === "tensorrt")!.detail).not.toBe("");
    if (!found.cuda.ok) expect(found.cuda.detail).not.toBe("");
    expect(found.externalBuffers).toBe(true);
  });
});
