import { ServiceError } from "@infaas/runtime";
import { type House, inferRequest, startHouse, TASK } from "../testing/house";

describe("ModelStatistics", () => {
  let house: House;
  beforeAll(async () => {
    house = await startHouse({ e1: ["mlp@1"] }, [{ name: "mlp@1" }, { name: "mlp@2", accuracy: 0.95 }]);
    const { inference } = house;
    for (const name of [TASK, "digit-classification", "mlp", "digits-mlp", "mlp@1"])
      await inference.modelInfer(inferRequest(name));
    async function* twice() {
      yield inferRequest(TASK);
      yield inferRequest(TASK, { slo_min_accuracy: 0.99 });
    }
    for await (const _ of inference.modelStreamInfer(twice()));
    const refused = [
      inferRequest("mlp", { slo_min_accuracy: 7 }),
      { ...inferRequest("mlp@1"), inputs: [] },
      inferRequest("cats"),
    ];
    for (const request of refused) {
      await expect(
        inference.modelInfer(request).catch((e) => Promise.reject(ServiceError.from(e))),
      ).rejects.toThrow();
    }
  });
  afterAll(() => house.stop());

  const statistics = async (name: string) => (await house.inference.modelStatistics({ name })).modelStats[0]!;

  it.each([
    [TASK, 6n, 3n],
    ["digit-classification", 6n, 3n],
    ["mlp", 6n, 2n],
    ["mlp@1", 6n, 1n],
    ["mlp@2", 0n, 0n],
  ])(
    "of %s count %s answers and %s failures, streams and what was refused at the door included",
    async (name, answers, failures) => {
      const s = await statistics(name);
      expect(s).toMatchObject({ name, version: "1", inferenceCount: answers, executionCount: answers });
      expect([s.inferenceStats?.success?.count, s.inferenceStats?.fail?.count]).toEqual([answers, failures]);
      expect(s.inferenceStats?.queue?.count).toBe(answers);
      expect(s.batchStats.map((b) => [b.batchSize, b.computeInfer?.count])).toEqual(
        answers === 0n ? [] : [[1n, answers]],
      );
    },
  );

  it("sum the time of each stage in nanoseconds, and tell the memory of what is loaded", async () => {
    const s = await statistics("mlp");
    expect(s.inferenceStats).toMatchObject({
      queue: { ns: 3_000_000n },
      computeInput: { ns: 600_000n },
      computeInfer: { ns: 4_500_000n },
      computeOutput: { ns: 1_200_000n },
      cacheHit: { count: 0n },
    });
    expect(s.lastInference).toBeGreaterThan(0n);
    expect(s.memoryUsage).toMatchObject([{ type: "CPU", id: 0n, byteSize: 1_000_000n }]);
    expect((await statistics("mlp@2")).memoryUsage).toEqual([]);
  });
});
