import { createLogger, VirtualClock } from "@infaas/runtime";
import { Executor } from "../instances/executor";
import { Instance } from "../instances/instance";
import { Utilisation } from "../instances/utilisation";
import { bareSpec } from "../testing/bare-spec";
import { MemoryEngines } from "../testing/memory-engine";
import { Reporter } from "./reporter";

const tensor = (name: string) => ({ name, datatype: "UINT8", dims: [-1, 4] });
const echo = {
  inputs: [tensor("x")],
  outputs: [tensor("y")],
  batchable: true,
  run: (inputs: readonly Uint8Array[]) => inputs,
};

async function setUp() {
  const clock = new VirtualClock();
  const engines = new MemoryEngines(echo);
  const ports = { clock, engines, modelFile: async () => "/model", queueRowsMax: 8, queueBytesMax: 1_024 };
  const logger = createLogger({ service: "test", write: () => undefined });
  const executor = new Executor({ name: "exec-1", memoryBytes: 100, ports, logger });
  const instance = new Instance({ ...bareSpec("v", 4), memoryBytes: 60 }, ports, () => undefined);
  await instance.load();
  engines.opened[0]?.hold();
  const utilisation = new Utilisation(clock, 1, () => 0);
  const submit = () =>
    void instance.submit([new Uint8Array(4)], {
      rows: 1,
      dims: [[1, 4]],
      lane: 0,
      timeoutMs: null,
      signal: null,
    });
  return { clock, instance, submit, reporter: new Reporter(executor, utilisation, clock) };
}

describe("Reporter", () => {
  it("says how long the queue of an instance is, at most 1 ms late", async () => {
    const { clock, instance, submit, reporter } = await setUp();
    expect(reporter.load(instance)).toMatchObject({ instanceQueuedRows: 0, memoryFreeBytes: 100 });
    submit();
    expect(reporter.load(instance).instanceQueuedRows).toBe(0);
    await clock.advance(1);
    expect(reporter.load(instance).instanceQueuedRows).toBe(1);
  });

  it("counts no queue without an instance", async () => {
    const { reporter } = await setUp();
    expect(reporter.load(undefined)).toMatchObject({ drainMs: 0, instanceQueuedRows: 0 });
  });
});
