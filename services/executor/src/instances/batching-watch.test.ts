import { createLogger, VirtualClock } from "@infaas/runtime";
import type { Engine, RecheckFigures } from "../engines/engine-port";
import { bareSpec } from "../testing/bare-spec";
import { MemoryEngines } from "../testing/memory-engine";
import { type BatchingEnd, BatchingWatch } from "./batching-watch";
import { Executor } from "./executor";

const tensor = (name: string) => ({ name, datatype: "UINT8", dims: [-1, 4] });
const spec = {
  ...bareSpec("net", 4),
  modelDigest: "sha256:net",
  recheck: { tolerance: 0, proven: true },
};

/** An executor with one instance whose engine says of itself what the test says. */
async function setUp(record: (end: BatchingEnd) => Promise<unknown>) {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const logger = createLogger({ service: "test", write: (line) => lines.push(line) });
  const found: { rechecks: RecheckFigures; unbatchedReason: string | null } = {
    rechecks: { checked: 0, differed: 0 },
    unbatchedReason: null,
  };
  const memory = new MemoryEngines({
    inputs: [tensor("x")],
    outputs: [tensor("y")],
    batchable: true,
    run: (inputs) => inputs,
  });
  const engines = {
    open: async (options: Parameters<typeof memory.open>[0]): Promise<Engine> => {
      const engine = await memory.open(options);
      Object.defineProperty(engine, "rechecks", { get: () => found.rechecks });
      Object.defineProperty(engine, "unbatchedReason", { get: () => found.unbatchedReason });
      return engine;
    },
  };
  const ports = { clock, engines, modelFile: async () => "/model", queueRowsMax: 8, queueBytesMax: 1_024 };
  const executor = new Executor({ name: "exec", memoryBytes: 10, ports, logger });
  const ready = new Promise<void>((resolve) =>
    executor.onChange(() => {
      if (executor.lines()[0]?.phase === "ready") resolve();
    }),
  );
  executor.setDesired([{ spec, desiredAtMs: 0 }]);
  await ready;
  const watch = new BatchingWatch({ executor, clock, logger, record });
  const warnings = () => lines.filter((line) => line.includes("share batches no longer"));
  return { clock, watch, found, warnings };
}

describe("BatchingWatch", () => {
  it("counts what was run again", async () => {
    const { clock, watch, found } = await setUp(async () => undefined);
    found.rechecks = { checked: 7, differed: 1 };
    await clock.advance(250);
    found.rechecks = { checked: 9, differed: 1 };
    await clock.advance(250);
    expect([...watch.entries()]).toEqual([["net", { checked: 9, differed: 1 }]]);
    watch.stop();
  });

  it("records once that batching has ended, and asks for a report of what was proven", async () => {
    const recorded: BatchingEnd[] = [];
    const { clock, watch, found, warnings } = await setUp(async (end) => recorded.push(end));
    await clock.advance(1_000);
    expect(recorded).toEqual([]);
    found.unbatchedReason = "rows met";
    await clock.advance(10_000);
    expect(recorded).toEqual([{ variant: "net", modelDigest: "sha256:net", reason: "rows met" }]);
    expect(warnings()).toHaveLength(1);
    expect(warnings()[0]).toContain("please report this model as a bug");
    watch.stop();
  });

  it("records it again, after a pause, until it is taken", async () => {
    let calls = 0;
    const { clock, watch, found } = await setUp(async () => {
      calls += 1;
      if (calls < 3) throw new Error("away");
    });
    found.unbatchedReason = "rows met";
    await clock.advance(250);
    expect(calls).toBe(1);
    await clock.advance(1_500);
    expect(calls).toBe(1);
    await clock.advance(60_000);
    expect(calls).toBe(3);
    watch.stop();
  });
});
