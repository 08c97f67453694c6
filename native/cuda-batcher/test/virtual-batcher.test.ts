import { VirtualBatcher } from "@infaas/cuda-batcher/testing";

const latencyMs = [
  [1, 10],
  [4, 16],
] as const;

describe("VirtualBatcher", () => {
  it("begins at once on an idle engine, and runs what came meanwhile as one batch", () => {
    const batcher = new VirtualBatcher({ instances: 1, maxBatch: 4, latencyMs });
    expect(batcher.submit(1, 0, 1, Number.POSITIVE_INFINITY, 0)).toBe("accepted");
    expect(batcher.begin(0)).toMatchObject({ engine: 0, rows: 1 });
    for (const id of [2, 3, 4])
      expect(batcher.submit(id, 1, 1, Number.POSITIVE_INFINITY, 0)).toBe("accepted");
    expect(batcher.begin(1).engine).toBe(-1);
    expect([batcher.queuedRows, batcher.runningRows]).toEqual([3, 1]);
    batcher.ended(0, 10);
    const next = batcher.begin(10);
    expect([next.engine, [...next.members], next.rows]).toEqual([0, [2, 3, 4], 3]);
    batcher.ended(0, 25);
    expect(batcher.begin(25)).toMatchObject({ engine: -1, rows: 0 });
    expect([batcher.drainTimeMs(25), batcher.queuedRows, batcher.runningRows]).toEqual([0, 0, 0]);
  });

  it("runs as many batches at a time as there are engines", () => {
    const batcher = new VirtualBatcher({ instances: 2, maxBatch: 1, latencyMs: [10] });
    const begun = [1, 2, 3].map((id) => {
      batcher.submit(id, 0, 1, Number.POSITIVE_INFINITY, 0);
      return batcher.begin(0).engine;
    });
    expect(begun).toEqual([0, 1, -1]);
    batcher.ended(1, 10);
    expect([...batcher.begin(10).members]).toEqual([3]);
  });

  it("refuses what cannot be in time or has no room, as the batcher with threads does", () => {
    const batcher = new VirtualBatcher({ instances: 1, maxBatch: 1, queueRowsMax: 1, latencyMs: [10] });
    expect(batcher.submit(1, 0, 1, 5, 0)).toBe("late");
    expect(batcher.submit(2, 0, 1, 100, 0)).toBe("accepted");
    batcher.begin(0);
    expect(batcher.submit(3, 0, 1, 15, 0)).toBe("late");
    expect(batcher.submit(4, 0, 1, 100, 0)).toBe("accepted");
    expect(batcher.submit(5, 0, 1, 100, 0)).toBe("full");
    expect(batcher.cancel(4)).toBe(true);
    expect(batcher.cancel(4)).toBe(false);
    expect(batcher.submit(6, 0, 1, 100, 0)).toBe("accepted");
  });

  it("gives out what became late while its engine was busy, once", () => {
    const batcher = new VirtualBatcher({ instances: 1, maxBatch: 1, latencyMs: [1] });
    batcher.submit(1, 0, 1, Number.POSITIVE_INFINITY, 0);
    batcher.begin(0);
    batcher.submit(2, 0, 1, 20, 0);
    expect([...batcher.late(19)]).toEqual([]);
    expect([...batcher.late(21)]).toEqual([2]);
    expect([...batcher.late(22)]).toEqual([]);
    expect(batcher.queuedRows).toBe(0);
  });
});
