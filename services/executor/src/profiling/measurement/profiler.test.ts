import { fitProfile } from "@infaas/policy";
import { VirtualClock } from "@infaas/runtime";
import type { Engine, EnginePort } from "../../engines/engine-port";
import { exampleRows } from "../onnx/row-set";
import { measureInstances, measureLatency, type ProfiledModel } from "./profiler";

const ROW_BYTES = 8;
const OPEN_MS = 40;

/**
 * Engines of one thread that take exactly as long as they are told, on a clock that moves by that much; they
 * answer their input.
 */
function timedEngines(
  clock: VirtualClock,
  runMsOf: (rows: number) => number,
  cpuMsOf: (rows: number) => number,
): EnginePort {
  return {
    async open({ maxBatch }): Promise<Engine> {
      await clock.advance(OPEN_MS);
      let running: Promise<void> = Promise.resolve();
      const tensor = { name: "x", datatype: "FP32", dims: [-1, 2] };
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
          const runMs = runMsOf(rows);
          running = running.then(() => clock.advance(runMs));
          await running;
          const stages = { queueMs: 0, gatherMs: 0, runMs, runCpuMs: cpuMsOf(rows), scatterMs: 0 };
          return { outputs, outputDims: dims, batchSize: rows, ...stages, release: () => undefined };
        },
        drainTimeMs: () => 0,
        drain: async () => undefined,
        close: async () => undefined,
      };
    },
  };
}

const FILE_BYTES = 1 << 20;

function modelOf(runMsOf: (rows: number) => number, { cpuCores = 1, cpuMsOf = runMsOf } = {}): ProfiledModel {
  const clock = new VirtualClock();
  const rows = exampleRows(
    [{ name: "x", datatype: "FP32", shape: [-1, 2] }],
    Buffer.alloc(10 * ROW_BYTES),
    10,
  );
  const engines = timedEngines(clock, runMsOf, cpuMsOf);
  return { path: "model.onnx", fileBytes: FILE_BYTES, rows, engines, clock, cpuCores };
}

describe("measureLatency", () => {
  it("measures powers of two up to the largest batch", async () => {
    const measured = await measureLatency(
      modelOf((rows) => 1 + rows / 10),
      1,
      64,
    );
    expect(measured.map(({ batch }) => batch)).toEqual([1, 2, 4, 8, 16, 32, 64]);
    const { fit, points } = fitProfile(measured);
    expect(points.map(({ p50Ms }) => p50Ms)).toEqual([1.1, 1.2, 1.4, 1.8, 2.6, 4.2, 7.4]);
    expect(fit.alphaMs).toBeCloseTo(1);
    expect(fit.betaMs).toBeCloseTo(0.1);
  });

  it("takes at least thirty samples of a fast batch, and few of a slow one", async () => {
    const [fast] = await measureLatency(
      modelOf(() => 5),
      1,
      1,
    );
    expect(fast?.samplesMs).toHaveLength(30);
    const [slow] = await measureLatency(
      modelOf(() => 290),
      1,
      1,
    );
    expect(slow?.samplesMs).toHaveLength(1);
  });
});

describe("measureInstances", () => {
  it("counts the load until the first answer, the file in memory and the items of all threads", async () => {
    const [single, figures] = await measureInstances(
      modelOf(() => 2),
      { threads: 1, concurrency: 1 },
      [1, 4],
    );
    expect(single?.saturationPerSecond).toBeCloseTo(500, -2);
    expect(figures?.loadMs).toBe(OPEN_MS + 2);
    expect(figures?.peakMemoryBytes).toBeGreaterThan(FILE_BYTES);
    // Four items every 2 ms, however many batches wait.
    expect(figures?.saturationPerSecond).toBeCloseTo(2000, -2);
  });

  it("counts the items of a rationed host by their CPU time, however long it was stopped meanwhile", async () => {
    let runs = 0;
    // Of the same CPU time, a run takes 2 ms, or 3 where the host is stopped in it.
    const stopped = () => (runs++ % 2 === 0 ? 2 : 3);
    const rationed = { cpuCores: 0.5, cpuMsOf: () => 2 };
    const [figures] = await measureInstances(modelOf(stopped, rationed), { threads: 1, concurrency: 1 }, [4]);
    expect(figures?.saturationPerSecond).toBeCloseTo(1_000);
  });
});
