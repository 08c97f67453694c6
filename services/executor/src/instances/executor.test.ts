import { create } from "@bufbuild/protobuf";
import { LoadOverrideSchema } from "@infaas/api";
import { createLogger, VirtualClock } from "@infaas/runtime";
import { bareSpec } from "../testing/bare-spec";
import { MemoryEngines } from "../testing/memory-engine";
import { Executor } from "./executor";
import type { VariantSpec } from "./variant-spec";

const echo = {
  inputs: [{ name: "x", datatype: "UINT8", dims: [-1, 4] }],
  outputs: [{ name: "y", datatype: "UINT8", dims: [-1, 4] }],
  batchable: true,
  run: (inputs: readonly Uint8Array[]) => inputs,
};
const row = new Uint8Array([1, 2, 3, 4]);
const query = { rows: 1, dims: [[1, 4]], lane: 0, timeoutMs: null, signal: null };

function spec(name: string, more: Partial<VariantSpec> = {}): VariantSpec {
  const own = { architecture: `${name}.v1`, modelDigest: `sha256:${name}`, memoryBytes: 60 };
  return { ...bareSpec(name, 4), ...own, goldenInputs: [row], goldenOutputs: [row], ...more };
}

function setUp() {
  const engines = new MemoryEngines(echo);
  const clock = new VirtualClock();
  const logger = createLogger({ service: "test", write: () => undefined });
  const ports = { clock, engines, modelFile: async () => "/model", queueRowsMax: 8, queueBytesMax: 1024 };
  const taken = { bytes: 0 };
  const takenBytes = () => taken.bytes;
  const executor = new Executor({ name: "exec-1", memoryBytes: 100, ports, logger, takenBytes });
  const changed = new Changes(executor);
  const until = (...lines: string[]) => changed.until(...lines);
  const untilTrue = (check: () => boolean) => changed.untilTrue(check);
  return { engines, clock, executor, taken, until, untilTrue };
}

/** Waits for the executor to be as asked; looks at every change it tells of. */
class Changes {
  constructor(private readonly executor: Executor) {}

  until(...wanted: string[]): Promise<void> {
    return this.untilTrue(() => this.lines().join() === wanted.join());
  }

  untilTrue(check: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (check()) resolve();
      };
      this.executor.onChange(look);
      look();
    });
  }

  private lines(): string[] {
    return this.executor.lines().map(({ variant, phase }) => `${variant} ${phase}`);
  }
}

/** Waits for what the executor tells nobody of. */
async function eventually(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((next) => setImmediate(next));
}

describe("Executor", () => {
  it("loads what is wanted, answers, and unloads what is not", async () => {
    const { executor, until } = setUp();
    executor.setDesired([{ spec: spec("a"), desiredAtMs: 0 }]);
    await until("a ready");
    expect(executor.memoryFreeBytes).toBe(40);
    const answer = await executor.instance("a")?.submit([row], query);
    expect(answer?.outputs).toEqual([row]);
    executor.setDesired([]);
    await until();
    expect(executor.instance("a")).toBeUndefined();
    expect(executor.memoryFreeBytes).toBe(100);
  });

  it("sets another weight on the instance that there is, and tells of it", async () => {
    const { engines, executor, until, untilTrue } = setUp();
    executor.setDesired([{ spec: spec("a"), desiredAtMs: 0 }]);
    await until("a ready");
    const weighed = create(LoadOverrideSchema, { parameters: { core_weight: "3" } });
    executor.setDesired([{ spec: spec("a", { coreWeight: 3, loadOverride: weighed }), desiredAtMs: 0 }]);
    await untilTrue(() => executor.lines()[0]?.loadOverride?.parameters.core_weight === "3");
    expect(engines.opened.map(({ coreWeight }) => coreWeight)).toEqual([3]);
    const batched = create(LoadOverrideSchema, { maxBatch: 2, parameters: { core_weight: "3" } });
    executor.setDesired([{ spec: spec("b", { coreWeight: 3, loadOverride: batched }), desiredAtMs: 0 }]);
    await until("b ready");
    expect(engines.opened.map(({ coreWeight }) => coreWeight)).toEqual([3, 3]);
  });

  it("evicts the idle one for the one wanted later, and says of the evicted one that there is no room", async () => {
    const { executor, clock, until } = setUp();
    const a = { spec: spec("a"), desiredAtMs: 0 };
    executor.setDesired([a]);
    await until("a ready");
    await clock.advance(10);
    executor.setDesired([a, { spec: spec("b"), desiredAtMs: 10 }]);
    await until("b ready", "a failed");
    expect(executor.lines()[1]?.reason).toBe("no room: needs 60 bytes, 40 of 100 can be had");
  });

  it("places by memory as measured where more is taken than was set aside, and again once it is given back", async () => {
    const { executor, taken, until, untilTrue } = setUp();
    const a = { spec: spec("a"), desiredAtMs: 0 };
    executor.setDesired([a]);
    await until("a ready");
    taken.bytes = 55;
    expect(executor.memoryFreeBytes).toBe(40);
    taken.bytes = 90;
    expect(executor.memoryFreeBytes).toBe(10);
    executor.setDesired([a, { spec: spec("b", { memoryBytes: 30 }), desiredAtMs: -1 }]);
    await untilTrue(() => executor.lines()[1]?.reason === "no room: needs 30 bytes, 10 of 100 can be had");
    taken.bytes = 60;
    executor.remeasure();
    await until("a ready", "b ready");
    taken.bytes = 300;
    expect(executor.memoryFreeBytes).toBe(0);
  });

  it("leaves what is in use where it is", async () => {
    const { executor, clock, engines, until } = setUp();
    const a = { spec: spec("a"), desiredAtMs: 0 };
    executor.setDesired([a]);
    await until("a ready");
    engines.opened[0]?.hold();
    const answer = executor.instance("a")?.submit([row], query);
    await clock.advance(10);
    executor.setDesired([a, { spec: spec("b"), desiredAtMs: 10 }]);
    await until("a ready", "b failed");
    engines.opened[0]?.resume();
    await answer;
  });

  it("replaces an instance whose variant has another file", async () => {
    const { executor, engines, until } = setUp();
    executor.setDesired([{ spec: spec("a", { memoryBytes: 30 }), desiredAtMs: 0 }]);
    await until("a ready");
    executor.setDesired([
      { spec: spec("a", { memoryBytes: 30, modelDigest: "sha256:new" }), desiredAtMs: 1 },
    ]);
    await eventually(() => executor.instance("a")?.spec.modelDigest === "sha256:new");
    await eventually(() => engines.opened[0]?.closed === true);
    await until("a ready");
  });

  it("lets an instance answer until its variant is loaded in the way that is wanted now", async () => {
    const { executor, engines, until } = setUp();
    const overridden = (maxBatch: number) => {
      const loadOverride = create(LoadOverrideSchema, { maxBatch });
      return [{ spec: spec("a", { memoryBytes: 30, maxBatch, loadOverride }), desiredAtMs: 0 }];
    };
    executor.setDesired(overridden(4));
    await until("a ready");
    const asked = engines.hold();
    executor.setDesired(overridden(2));
    await asked;
    expect(executor.lines()).toMatchObject([{ phase: "ready", loadOverride: { maxBatch: 4 } }]);
    expect(executor.instance("a")?.readyEngine?.maxBatch).toBe(4);
    engines.resume();
    await eventually(() => executor.lines()[0]?.loadOverride?.maxBatch === 2);
    expect(executor.instance("a")?.readyEngine?.maxBatch).toBe(2);
    await eventually(() => engines.opened[0]?.closed === true);
  });

  it("says of an instance that goes on answering why it could not be loaded in another way", async () => {
    const { executor, until } = setUp();
    executor.setDesired([{ spec: spec("a", { memoryBytes: 30 }), desiredAtMs: 0 }]);
    await until("a ready");
    const wrong = spec("a", { memoryBytes: 30, maxBatch: 2, goldenOutputs: [new Uint8Array(4)] });
    executor.setDesired([{ spec: wrong, desiredAtMs: 1 }]);
    await eventually(() => executor.lines()[0]?.reason !== "");
    expect(executor.lines()).toMatchObject([{ phase: "ready" }]);
    expect(executor.instance("a")?.readyEngine).not.toBeNull();
  });

  it("tries a failed load again, later and later", async () => {
    const { executor, clock, until, untilTrue } = setUp();
    executor.setDesired([{ spec: spec("a", { goldenOutputs: [new Uint8Array(4)] }), desiredAtMs: 0 }]);
    await until("a failed");
    await clock.advance(1_000);
    await untilTrue(() => executor.instance("a")?.failures === 1);
    await until("a failed");
    expect(executor.instance("a")?.state).toMatchObject({ retryAtMs: 3_000 });
  });

  it("says nothing when nothing changed", async () => {
    const { executor, until } = setUp();
    const desired = [{ spec: spec("a"), desiredAtMs: 0 }];
    executor.setDesired(desired);
    await until("a ready");
    let told = 0;
    executor.onChange(() => {
      told += 1;
    });
    executor.setDesired(desired);
    await Promise.resolve();
    expect(told).toBe(0);
  });

  it("drains everything when it stops and loads nothing any more", async () => {
    const { executor, until } = setUp();
    executor.setDesired([{ spec: spec("a"), desiredAtMs: 0 }]);
    await until("a ready");
    await executor.stop(10);
    executor.setDesired([{ spec: spec("b"), desiredAtMs: 0 }]);
    await Promise.resolve();
    expect(executor.lines()).toEqual([]);
  });
});
