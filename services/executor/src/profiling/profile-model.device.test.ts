import { create } from "@bufbuild/protobuf";
import { DeviceKind, TaskSchema } from "@infaas/api";
import { createNode, encodeModel } from "@infaas/onnx";
import { denseModel, fixtureModel } from "@infaas/onnx/testing/dense-models";
import { deviceEngineVersion } from "../engines/device";
import { enginesOn } from "../engines/device-engines";
import { nativeEngines } from "../engines/native-engine";
import { ProfilingBench, WIDTH } from "../testing/profiling-bench";
import type { ProfiledDevice } from "./measurement/profile-ports";

const device: ProfiledDevice = {
  kind: DeviceKind.HOST,
  engines: enginesOn("host", nativeEngines),
  engineVersion: deviceEngineVersion("host"),
};

describe("profileModel on a host with a device", () => {
  let bench: ProfilingBench;
  beforeAll(async () => {
    bench = await ProfilingBench.open();
  });
  afterAll(() => bench.close());

  const named = { name: "net.v3.kernels-host-fp32" };

  it("measures variants of the device beside those of the CPU, with the accuracy that they have there", async () => {
    const model = denseModel([WIDTH, 32, 10]);
    const { result, steps } = await bench.register(model, await bench.taskAnsweredBy(model, 10), { device });
    const there = result.variants.filter(({ deviceKind }) => deviceKind === DeviceKind.HOST);
    expect(there.map(({ name, maxBatch }) => [name, maxBatch])).toEqual([
      [`${named.name}-t1-b1`, 1],
      [`${named.name}-t1-b64`, 64],
    ]);
    for (const variant of there) {
      expect(variant).toMatchObject({ engine: "kernels", threads: 1, concurrency: 1, unbatched: false });
      expect(variant.accuracy?.value).toBe(1);
      expect(variant.profile).toMatchObject({ engineVersion: "kernel module 1 on host device" });
      expect(variant.modelDigest).toBe(result.architecture?.modelDigest);
    }
    expect(result.variants.some(({ deviceKind }) => deviceKind === DeviceKind.CPU)).toBe(true);
    expect(result.rejected.map(({ name }) => name)).not.toContain(named.name);
    expect(Math.max(...steps.map(({ done }) => done))).toBeLessThan(steps[0]!.total);
  });

  it("has none of what the kernel module does not run, and says why", async () => {
    const softmax = [createNode("Softmax", { inputs: ["x"], outputs: ["y"] })];
    const model = fixtureModel({ nodes: softmax, constants: [], input: ["N", WIDTH], output: ["N", WIDTH] });
    const { result } = await bench.register(model, create(TaskSchema, { name: "toy" }), { device });
    expect(result.variants.every(({ deviceKind }) => deviceKind === DeviceKind.CPU)).toBe(true);
    expect(result.rejected).toContainEqual(
      expect.objectContaining({
        ...named,
        reason: "the kernel module does not run it: operator Softmax is not run",
      }),
    );
  });

  it("has none of a device that answers otherwise than the CPU, with both numbers", async () => {
    const other = bench.pathOf(await bench.put(encodeModel(denseModel([WIDTH, 10], 2))));
    const wrong = {
      ...device,
      engines: {
        open: (o: Parameters<typeof nativeEngines.open>[0]) => device.engines.open({ ...o, path: other }),
      },
    };
    const { result } = await bench.register(denseModel([WIDTH, 10]), create(TaskSchema, { name: "toy" }), {
      device: wrong,
    });
    expect(result.rejected).toContainEqual(
      expect.objectContaining({
        ...named,
        reason: expect.stringMatching(/^its answer is \d[\d.]* from that of the CPU, 0\.000\d* is allowed$/),
      }),
    );
  });
});
