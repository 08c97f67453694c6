import { seededRandom, VirtualClock } from "@infaas/runtime";
import type { Engine, EnginePort } from "../../engines/engine-port";
import { exampleRows } from "../onnx/row-set";
import { type BatchCosts, largestBatchOf, measureBatchCosts } from "./largest-batch";

const costsOf = (costMs: (rows: number) => number): BatchCosts =>
  new Map([1, 16, 64].map((size) => [size, costMs(size)]));

describe("largestBatchOf", () => {
  it.each([
    ["every size pays", (rows: number) => 20 + rows, 64],
    ["the gain ends in between", (rows: number) => 0.5 + rows, 16],
    ["next to nothing is gained", (rows: number) => 0.02 + rows, 1],
    ["larger batches cost more per row", (rows: number) => rows ** 1.3, 1],
    ["the largest batches cost more per row", (rows: number) => rows ** (rows > 16 ? 1.1 : 0.9), 16],
  ])("when %s", (_, costMs, largest) => {
    expect(largestBatchOf(costsOf(costMs))).toBe(largest);
  });

  it("is 1 where nothing else was tried, and where the clock tells nothing", () => {
    expect(largestBatchOf(new Map([[1, 3]]))).toBe(1);
    expect(largestBatchOf(costsOf(() => 1e-6))).toBe(64);
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
  const model = { path: "model.onnx", fileBytes: 1, rows, engines, clock, cpuCores: 1 };
  return await measureBatchCosts(model, rowsMax);
}

describe("measureBatchCosts", () => {
  const costMs = (rows: number) => 0.4 + 0.1 * rows;

  it("counts CPU time, however long the runs lasted", async () => {
    const costs = await measured(costMs, (rows) => rows ** 2);
    expect([...costs.keys()]).toEqual([1, 16, 64]);
    for (const [size, cost] of costs) expect(cost).toBeCloseTo(costMs(size), 9);
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

  it("leaves out what takes longer than half a second, and what is larger", async () => {
    const keysOf = async (rowMs: number) => {
      const costs = await measured(
        (rows) => rowMs * rows,
        (rows) => rowMs * rows,
      );
      return [...costs.keys()];
    };
    expect(await keysOf(5)).toEqual([1, 16, 64]);
    expect(await keysOf(20)).toEqual([1, 16]);
    expect(await keysOf(600)).toEqual([1]);
  });

  it("tries one row where rows share no batch", async () => {
    expect([...(await measured(costMs, costMs, 1)).keys()]).toEqual([1]);
  });
});
