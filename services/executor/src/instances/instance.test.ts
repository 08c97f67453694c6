import { Code, ServiceError, VirtualClock } from "@infaas/runtime";
import { bareSpec } from "../testing/bare-spec";
import { MemoryEngines } from "../testing/memory-engine";
import { Instance, type InstancePorts } from "./instance";
import type { VariantSpec } from "./variant-spec";

const tensor = { name: "x", datatype: "INT32", dims: [-1, 1] };
const doubled = { inputs: [tensor], outputs: [{ ...tensor, name: "y" }], batchable: true, run: doubleAll };

function doubleAll(inputs: readonly Uint8Array[]): readonly Uint8Array[] {
  return inputs.map((input) => int32(new DataView(input.buffer, input.byteOffset).getInt32(0, true) * 2));
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

const spec = {
  ...bareSpec("doubler", 4),
  memoryBytes: 100,
  goldenInputs: [int32(21)],
  goldenOutputs: [int32(42)],
};
const query = { rows: 1, dims: [[1, 1]], lane: 0, timeoutMs: null, signal: null };

function setUp(more: Partial<InstancePorts> = {}, of: Partial<VariantSpec> = {}) {
  const engines = new MemoryEngines(doubled);
  const clock = new VirtualClock();
  const phases: string[] = [];
  const ports: InstancePorts = {
    clock,
    engines,
    modelFile: async () => "/model",
    queueRowsMax: 8,
    queueBytesMax: 1024,
    ...more,
  };
  const instance = new Instance({ ...spec, ...of }, ports, (i) => phases.push(i.state.phase));
  return { engines, clock, phases, instance };
}

describe("Instance", () => {
  it("loads, is probed, is ready, drains and is gone", async () => {
    const { instance, phases } = setUp();
    expect(instance.state.phase).toBe("loading");
    await instance.load();
    await instance.drain();
    expect(phases).toEqual(["probing", "ready", "draining", "gone"]);
  });

  it("tells what the load took by phase, which is all of it", async () => {
    const { instance, clock } = setUp({
      modelFile: async () => {
        await clock.advance(5);
        return "/model";
      },
    });
    await instance.load();
    expect(instance.state).toMatchObject({
      phase: "ready",
      loadMs: 5,
      load: { fetchMs: 5, processMs: 0, openMs: 0, probeMs: 0 },
    });
  });

  it("loads once, however many ask", async () => {
    const { instance, engines } = setUp();
    await Promise.all([instance.load(), instance.load(), instance.load()]);
    expect(engines.opened).toHaveLength(1);
  });

  it("refuses queries with UNAVAILABLE until it is ready", async () => {
    const { instance } = setUp();
    await expect(instance.submit([int32(1)], query)).rejects.toMatchObject({ code: Code.UNAVAILABLE });
    await instance.load();
    const answer = await instance.submit([int32(4)], query);
    expect(answer.outputs).toEqual([int32(8)]);
  });

  it("counts what is in flight", async () => {
    const { instance, engines } = setUp();
    await instance.load();
    engines.opened[0]?.hold();
    const answer = instance.submit([int32(1)], query);
    expect(instance.inFlight).toBe(1);
    engines.opened[0]?.resume();
    await answer;
    expect(instance.inFlight).toBe(0);
  });

  describe("when the golden answer differs", () => {
    it("fails with both numbers and holds nothing", async () => {
      const { instance, engines } = setUp({}, { goldenOutputs: [int32(40)], goldenTolerance: 1 });
      await instance.load();
      expect(instance.state).toMatchObject({
        phase: "failed",
        reason: "golden output y of doubler differs by 2, allowed is 1",
        retryAtMs: 1_000,
      });
      expect(engines.opened[0]?.closed).toBe(true);
      expect(instance.memoryBytes).toBe(0);
    });

    it("passes within the tolerance", async () => {
      const { instance } = setUp({}, { goldenOutputs: [int32(40)], goldenTolerance: 2 });
      await instance.load();
      expect(instance.state.phase).toBe("ready");
    });

    it("passes whatever it is, where the model draws its answers", async () => {
      const { instance } = setUp({}, { goldenOutputs: [] });
      await instance.load();
      expect(instance.state.phase).toBe("ready");
    });

    it("fails where such a model does not take what is to be answered", async () => {
      const { instance } = setUp({}, { goldenOutputs: [], goldenInputs: [int32(1), int32(2)] });
      await instance.load();
      expect(instance.state.phase).toBe("failed");
    });

    it("fails on golden data of another shape", async () => {
      const { instance } = setUp({}, { goldenInputs: [int32(1), int32(2)] });
      await instance.load();
      expect(instance.state).toMatchObject({
        phase: "failed",
        reason: "golden data of doubler: 2 inputs, the model has 1",
      });
    });
  });

  it("fails when the file cannot be had, and says why", async () => {
    const modelFile = async () => {
      throw new ServiceError(Code.NOT_FOUND, "artifact sha256:0 is unknown");
    };
    const { instance } = setUp({ modelFile });
    await instance.load();
    expect(instance.state).toMatchObject({ phase: "failed", reason: "artifact sha256:0 is unknown" });
  });

  describe("when it drains", () => {
    it("answers what was accepted and refuses what comes", async () => {
      const { instance, engines } = setUp();
      await instance.load();
      engines.opened[0]?.hold();
      const accepted = instance.submit([int32(3)], query);
      const drained = instance.drain();
      await expect(instance.submit([int32(1)], query)).rejects.toMatchObject({ code: Code.UNAVAILABLE });
      engines.opened[0]?.resume();
      expect((await accepted).outputs).toEqual([int32(6)]);
      await drained;
      expect(instance.state.phase).toBe("gone");
    });

    it("gives up after its bound and refuses the rest", async () => {
      const { instance, engines, clock } = setUp();
      await instance.load();
      engines.opened[0]?.hold();
      const accepted = instance.submit([int32(3)], query);
      const refused = expect(accepted).rejects.toMatchObject({ code: Code.UNAVAILABLE });
      const drained = instance.drain(50);
      await clock.advance(50);
      await refused;
      await drained;
      expect(engines.opened[0]?.closed).toBe(true);
    });

    it("while loading closes what was opened and never becomes ready", async () => {
      const { instance, engines, phases } = setUp();
      const asked = engines.hold();
      const loaded = instance.load();
      await asked;
      const drained = instance.drain();
      engines.resume();
      await Promise.all([loaded, drained]);
      expect(phases).toEqual(["draining", "gone"]);
      expect(engines.opened[0]?.closed).toBe(true);
    });

    it("twice is once", async () => {
      const { instance, phases } = setUp();
      await instance.load();
      await Promise.all([instance.drain(), instance.drain()]);
      await instance.drain();
      expect(phases.filter((phase) => phase === "gone")).toHaveLength(1);
    });
  });
});
