import { create } from "@bufbuild/protobuf";
import { TaskSchema } from "@infaas/api";
import { denseModel } from "@infaas/onnx/testing/dense-models";
import { onBusyMachine } from "../testing/busy-machine";
import { ProfilingBench, WIDTH } from "../testing/profiling-bench";

describe("profileModel: on a machine whose cores are busy", () => {
  let bench: ProfilingBench;

  beforeAll(async () => {
    bench = await ProfilingBench.open();
  });
  afterAll(() => bench.close());

  it("keeps the variants that it keeps on an idle one", async () => {
    const model = denseModel([WIDTH, 256, 10]);
    const task = await bench.taskAnsweredBy(model, 10);
    const register = async () => {
      const { result } = await bench.register(model, create(TaskSchema, task));
      return result.variants.map(({ name }) => name);
    };
    const idle = await register();
    expect(idle.length).toBeGreaterThan(1);
    expect(await onBusyMachine(register)).toEqual(idle);
  });
});
