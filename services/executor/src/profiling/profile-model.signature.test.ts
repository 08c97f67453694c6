import { readdir, readFile } from "node:fs/promises";
import { create } from "@bufbuild/protobuf";
import { type Task, TaskSchema, TensorMappingSchema } from "@infaas/api";
import { decodeModel } from "@infaas/onnx";
import { denseModel } from "@infaas/onnx/testing/dense-models";
import { Code } from "@infaas/runtime";
import { ProfilingBench, WIDTH } from "../testing/profiling-bench";

const spec = (name: string, columns: number, datatype = "FP32") => ({
  name,
  datatype,
  shape: [-1n, BigInt(columns)],
});
const taskOf = (input: ReturnType<typeof spec>, output = spec("scores", 10)): Task =>
  create(TaskSchema, { name: "toy", signature: { inputs: [input], outputs: [output] } });
const mapping = (name: string, source: string, cast = false) =>
  create(TensorMappingSchema, { name, source, cast });

describe("profileModel: a task's signature", () => {
  let bench: ProfilingBench;
  beforeAll(async () => {
    bench = await ProfilingBench.open();
  });
  afterAll(() => bench.close());

  it("serves a model of other names in the task's terms, by a file of its own", async () => {
    const { result } = await bench.register(denseModel([WIDTH, 10]), taskOf(spec("image", WIDTH)), {
      mapping: [mapping("image", "x"), mapping("scores", "y")],
    });
    const { architecture, variants } = result;
    expect(architecture).toMatchObject({
      batchable: true,
      inputs: [spec("image", WIDTH)],
      outputs: [spec("scores", 10)],
    });
    for (const { modelDigest } of variants) {
      expect(modelDigest).not.toBe(architecture?.modelDigest);
      const { graph } = decodeModel(await readFile(bench.pathOf(modelDigest)));
      expect(graph.input.map(({ name }) => name)).toEqual(["image"]);
    }
    expect(await readdir(bench.scratchDir)).toEqual([]);
  });

  it("casts what callers send to what the model takes", async () => {
    const { result } = await bench.register(denseModel([WIDTH, 10]), taskOf(spec("image", WIDTH, "UINT8")), {
      mapping: [mapping("image", "x", true), mapping("scores", "y")],
    });
    expect(result.architecture?.inputs).toMatchObject([spec("image", WIDTH, "UINT8")]);
    expect(result.variants[0]?.goldenInputs[0]?.byteLength).toBe(WIDTH);
  });

  it.each<[string, Task, string]>([
    [
      "other names",
      taskOf(spec("image", WIDTH)),
      "input 'image' is missing, input 'x' is not the task's, output 'scores' is missing",
    ],
    [
      "another datatype",
      taskOf(spec("x", WIDTH, "UINT8"), spec("y", 10)),
      "input 'x' is FP32 instead of UINT8",
    ],
    [
      "another size",
      taskOf(spec("x", WIDTH + 1), spec("y", 10)),
      "input 'x' is [-1, 64] instead of [-1, 65]",
    ],
  ])("refuses %s before anything is measured, with both signatures", async (_what, task, sentence) => {
    const steps: string[] = [];
    const refused = bench.register(denseModel([WIDTH, 10]), task, { onStep: (stage) => steps.push(stage) });
    await expect(refused).rejects.toMatchObject({ code: Code.FAILED_PRECONDITION });
    await expect(refused).rejects.toThrow(sentence);
    await expect(refused).rejects.toThrow("the model has x FP32 [-1, 64] -> y FP32 [-1, 10]");
    expect(steps).toEqual(["load"]);
    expect(await readdir(bench.scratchDir)).toEqual([]);
  });
});
