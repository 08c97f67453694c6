import { seededRandom, VirtualClock } from "@infaas/runtime";
import type { Engine, EnginePort } from "../../engines/engine-port";
import { exampleRows } from "../onnx/row-set";
import { type BatchCosts, largestBatchOf, measureBatchCosts } from "./largest-batch";

const costsOf = (costMs: (rows: number) => number): BatchCosts =>
  new Map([1, 4, 16, 64].map((size) => [size, costMs(size)]));

describe("largestBatchOf", () => {
  it.each([
    ["every size pays", (rows: number) => 20 + rows, 64],
    ["the gain ends in between", (rows: number) => 2 + rows, 16],
    ["a little is gained by a few rows", (rows: number) => 0.2 + rows, 4],
    ["nothing is gained", (rows: number) => 0.05 + rows, 1],
    ["larger batches cost more per row", (rows: number) => rows ** 1.3, 1],
    [
      "the largest batches cost more per row",
      (rows: number) => (rows > 4 ? 3 : 2) + rows * (rows > 4 ? 2 : 1),
      4,
    ],
  ])("when %s", (_, costMs, largest) => {
    expect(largestBatchOf(costsOf(costMs))).toBe(largest);
  });

  it("is 1 where nothing else was tried, and where the clock tells nothing", () => {
    expect(largestBatchOf(new Map([[1, 3]]))).toBe(1);
    expect(largestBatchOf(costsOf(() => 0))).toBe(64);
  });
});

/** Engines that take as long as `wallMs` says and say that they took `cpuMs` of CPU time. */
function loadedEngines(
  clock: VirtualClock,
  cpuMs: (rows: number) => number,
  wallMs: (rows: number) => number,
): EnginePort {
  const tensor = { name: "x", datatype: "FP32", dims: [-1, 2] };
  return {
    async open({ maxBatch }): Promise<Engine> {
      return {
        inputs: [tensor],
        optionalInputs: [],
        outputs: [tensor],
        batchable: true,
        unbatchedReason: null,
        maxBatch,
        queuedRows: 0,
        runningRows: 0,
        async submit(outputs, { rows, dims }) {
          await clock.advance(wallMs(rows));
          const times = { queueMs: 0, gatherMs: 0, runMs: wallMs(rows), scatterMs: 0, runCpuMs: cpuMs(rows) };
          return { outputs, outputDims: dims, batchSize: rows, ...times, release: () => undefined };
        },
        drainTimeMs: () => 0,
        drain: async () => undefined,
        close: async () => undefined,
      };
    },
  };
}

async function measured(
  cpuMs: (rows: number) => number,
  wallMs: (rows: number) => number,
  rowsMax = 64,
): Promise<BatchCosts> {
  const clock = new VirtualClock();
  const rows = exampleRows([{ name: "x", datatype: "FP32", shape: [-1, 2] }], Buffer.alloc(80), 10);
  const engines = loadedEngines(clock, cpuMs, wallMs);
  return await measureBatchCosts({ path: "model.onnx", fileBytes: 1, rows, engines, clock }, rowsMax);
}

describe("measureBatchCosts", () => {
  const costMs = (rows: number) => 0.4 + 0.1 * rows;

  it("counts CPU time, however long the runs lasted", async () => {
    expect(await measured(costMs, (rows) => rows ** 2)).toEqual(costsOf(costMs));
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
    "finds the same largest batch while others disturb (seed %d)",
    async (seed) => {
      const random = seededRandom(seed);
      const disturbedMs = (rows: number) => costMs(rows) * (1 + 0.5 * random.next() ** 2);
      const costs = await measured(disturbedMs, (rows) => 3 * costMs(rows));
      expect(largestBatchOf(costs)).toBe(largestBatchOf(costsOf(costMs)));
    },
  );

  it("tries no size that is expected to take longer than half a second", async () => {
    expect([
      ...(
        await measured(
          (rows) => 40 * rows,
          (rows) => 40 * rows,
        )
      ).keys(),
    ]).toEqual([1, 4]);
  });

  it("tries one row where rows share no batch", async () => {
    expect([...(await measured(costMs, costMs, 1)).keys()]).toEqual([1]);
  });
});
