import { create } from "@bufbuild/protobuf";
import { TaskSchema } from "@infaas/api";
import { createNode } from "@infaas/onnx";
import { fixtureModel } from "@infaas/onnx/testing/dense-models";
import { Code } from "@infaas/runtime";
import { ProfilingBench } from "../../testing/profiling-bench";
import { factorWithin } from "./axis-limits";

const MIB = 2 ** 20;

describe("factorWithin", () => {
  it.each([
    ["memory that grows with the size", 64, 128, 8],
    ["memory that grows with its square", 32, 128, Math.sqrt(8)],
    ["memory that hardly grows, as if it grew with the size", 127, 128, 8],
  ])("goes by how %s did from half the size", (_, before, last, further) => {
    const runs = [before, last].map((mib, i) => ({ factor: 4 * (i + 1), bytes: mib * MIB, runMs: 1 }));
    expect(factorWithin(1_024 * MIB, runs[0], runs[1]!)).toBeCloseTo(8 * further, 1);
  });

  it("takes what is not seen as 16 MiB that grow with the square of the size", () => {
    expect(factorWithin(1_024 * MIB, undefined, { factor: 1_024, bytes: 0, runMs: 1 })).toBe(8_192);
  });

  it("leaves room for four times the size whatever it takes", () => {
    expect(factorWithin(64 * MIB, undefined, { factor: 1, bytes: 512 * MIB, runMs: 1 })).toBe(4);
  });
});

describe("profileModel: limits of free axes", () => {
  let bench: ProfilingBench;
  const task = create(TaskSchema, { name: "toy" });
  beforeAll(async () => {
    bench = await ProfilingBench.open();
  });
  afterAll(() => bench.close());

  // Each element with each other one, as attention has it.
  const pairs = fixtureModel({
    nodes: [
      createNode("Transpose", { inputs: ["x"], outputs: ["t"] }),
      createNode("MatMul", { inputs: ["t", "x"], outputs: ["p"] }),
      createNode("Relu", { inputs: ["p"], outputs: ["y"] }),
    ],
    constants: [],
    input: [1, "L"],
    output: ["L", "M"],
  });

  it("follows from the memory of runs of rising sizes", async () => {
    const { result } = await bench.register(pairs, task);
    const [limit, ...more] = result.variants[0]?.axisLimits ?? [];
    expect(more).toEqual([]);
    expect(limit).toMatchObject({ name: "L", measured: 64n, stated: false });
    // A gigabyte holds 16,384 squared numbers once, and the products beside them less often.
    expect(Number(limit?.max)).toBeGreaterThan(4_096);
    expect(Number(limit?.max)).toBeLessThan(32_768);
  });

  it("bounds no rows of a batch, and every axis of a model that is served alone", async () => {
    const nodes = [createNode("Relu", { inputs: ["x"], outputs: ["y"] })];
    const batched = fixtureModel({ nodes, constants: [], input: ["N", "L", 3], output: ["N", "L", 3] });
    const limitsOf = async (stated: object) =>
      (await bench.register(batched, task, stated)).result.variants.map(({ axisLimits }) =>
        axisLimits.map(({ name }) => name),
      );
    expect((await limitsOf({}))[0]).toEqual(["L"]);
    expect((await limitsOf({ statedBatchable: false }))[0]).toEqual(["N", "L"]);
  });

  it("is what the owner says, by the axis's name or its place", async () => {
    for (const axisLimits of [{ L: 100n }, { "x.1": 100n }]) {
      const { result } = await bench.register(pairs, task, { axisLimits });
      expect(result.variants[0]?.axisLimits).toMatchObject([{ name: "L", max: 100n, stated: true }]);
    }
  });

  it.each([
    [{ M: 100n }, "'M' is no free axis of the model; free are: L, x.1"],
    [{ L: 64n }, "axis L is limited to 64, it must be above 64, which is measured with"],
  ])("refuses %p", async (axisLimits, message) => {
    await expect(bench.register(pairs, task, { axisLimits })).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringContaining(message),
    });
  });
});
