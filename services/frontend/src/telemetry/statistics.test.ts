import { type AnsweredQuery, Statistics } from "./statistics";

const QUERY: AnsweredQuery = {
  rows: 2,
  batchSize: 8,
  totalMs: 5,
  queueMs: 1,
  gatherMs: 0.25,
  computeMs: 3,
  scatterMs: 0.5,
};

describe("Statistics", () => {
  describe("when four queries of two rows shared one batch of eight", () => {
    const statistics = new Statistics();
    for (let i = 0; i < 4; i++) statistics.recordAnswer("cnn@1", QUERY, 1_000 + i);
    const totals = statistics.totalsOf(["cnn@1"]);

    it("counts four successes, eight inferences and one execution", () => {
      expect(totals).toMatchObject({ successCount: 4, inferenceCount: 8, executionCount: 1 });
    });

    it("sums every stage over the queries and remembers the last one", () => {
      expect(totals).toMatchObject({ successMs: 20, queueMs: 4, gatherMs: 1, runMs: 12, scatterMs: 2 });
      expect(totals.lastInferenceEpochMs).toBe(1_003);
    });

    it("counts the batch once under its size, with the time of one batch", () => {
      expect([...totals.batches]).toEqual([
        [8, { executionCount: 1, gatherMs: 0.25, runMs: 3, scatterMs: 0.5 }],
      ]);
    });
  });

  describe("when a virtual model is asked for", () => {
    const statistics = new Statistics();
    statistics.recordAnswer("a", QUERY, 1_000);
    statistics.recordAnswer("b", QUERY, 1_000);
    statistics.recordFailure("task", 7, "REJECTED");

    it("sums its variants and its own failures", () => {
      expect(statistics.totalsOf(["task", "a", "b"])).toMatchObject({
        successCount: 2,
        failCount: 1,
        failMs: 7,
        failures: { REJECTED: 1, CANCELED: 0, BACKEND: 0, OTHER: 0 },
      });
      expect([statistics.answered, statistics.refused]).toEqual([2, 1]);
    });
  });

  describe("when names nobody registered keep failing", () => {
    it("keeps counting without growing", () => {
      const statistics = new Statistics();
      for (let i = 0; i < 20_000; i++) statistics.recordFailure(`made-up-${i}`, 1, "OTHER");
      expect(statistics.refused).toBe(20_000);
      expect(statistics.totalsOf(["made-up-19999"]).failCount).toBe(0);
      expect(statistics.totalsOf(["_OTHER"]).failCount).toBe(20_000 - 16_384);
    });
  });
});
