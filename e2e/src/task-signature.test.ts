import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GRPCInferenceService } from "@infaas/api";
import { createRpcClient } from "@infaas/runtime";
import { Cluster, infaas } from "./cluster";
import { elementTypes, onnxFile, tensor } from "./onnx-file";

const { FP32: FLOAT, INT64 } = elementTypes;
const TASK = "colour/channels";
/** Copies of a picture that the slow model computes with: some 150 ms on one core. */
const COPIES = 800_000;

const attributes = (axes: readonly number[]) => [
  { name: "axes", type: 7, ints: axes.map(BigInt) },
  { name: "keepdims", type: 2, i: 0n },
];
const ints = (name: string, values: readonly number[]) => ({
  name,
  dims: [BigInt(values.length)],
  dataType: INT64,
  rawData: new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer),
});

/** Mean of each channel of a picture `image` `[N, 3, 2, 2]`. */
const fast = onnxFile({
  name: "fast",
  node: [{ opType: "ReduceMean", input: ["image"], output: ["means"], attribute: attributes([2, 3]) }],
  input: [tensor("image", FLOAT, ["N", 3, 2, 2])],
  output: [tensor("means", FLOAT, ["N", 3])],
});

/** The same of a picture `x` `[N, 2, 2, 3]`, slowly, with an output beside it that nobody of the task knows. */
const slow = onnxFile({
  name: "slow",
  node: [
    { opType: "Unsqueeze", input: ["x", "last"], output: ["u"] },
    { opType: "Expand", input: ["u", "wide"], output: ["copies"] },
    { opType: "Sin", input: ["copies"], output: ["s1"] },
    { opType: "Sin", input: ["s1"], output: ["s2"] },
    { opType: "Sin", input: ["s2"], output: ["s3"] },
    { opType: "ReduceMean", input: ["s3"], output: ["beside"], attribute: attributes([1, 2, 4]) },
    { opType: "ReduceMean", input: ["x"], output: ["image"], attribute: attributes([1, 2]) },
  ],
  initializer: [ints("last", [4]), ints("wide", [1, 1, 1, 1, COPIES])],
  input: [tensor("x", FLOAT, ["N", 2, 2, 3])],
  // Called as the task calls its input.
  output: [tensor("image", FLOAT, ["N", 3]), tensor("beside", FLOAT, ["N", 3])],
});

describe("a task's signature", () => {
  let cluster: Cluster;
  const connect = () => createRpcClient(GRPCInferenceService, cluster.address);
  let inference: ReturnType<typeof connect>;
  const folder = mkdtempSync(join(tmpdir(), "infaas-signature-"));
  const file = (name: string, bytes: Uint8Array) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const register = (...words: string[]) => infaas(cluster, "register", ...words, "--task", TASK);
  const metadata = () => inference.modelMetadata({ name: TASK });
  /** The one caller, who knows the task alone. */
  async function ask(name: string) {
    const { outputs, rawOutputContents, parameters } = await inference.modelInfer({
      modelName: name,
      inputs: [{ name: "image", datatype: "FP32", shape: [1n, 3n, 2n, 2n] }],
      rawInputContents: [new Uint8Array(Float32Array.of(1, 2, 3, 4, 10, 20, 30, 40, 0, 0, 0, 4).buffer)],
    });
    const means = [...new Float32Array(Uint8Array.from(rawOutputContents[0]!).buffer)];
    return { outputs: outputs.map((o) => o.name), means, by: parameters.architecture?.parameterChoice.value };
  }

  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: "none" });
    inference = connect();
  });
  afterAll(async () => {
    inference?.close();
    await cluster?.stop();
    rmSync(folder, { recursive: true });
  });

  it("is that of its first architecture, and shown", async () => {
    const { status, stderr } = await register(file("fast.onnx", fast), "--declared-accuracy", "0.9");
    expect([status, stderr]).toEqual([0, expect.anything()]);
    expect((await infaas(cluster, "task", TASK)).stdout).toContain("input   image FP32 [-1, 3, 2, 2]");
  });

  it("refuses another architecture that does not fit, with both signatures, and nothing is recorded", async () => {
    const before = await metadata();
    const { status, stderr } = await register(file("slow.onnx", slow), "--batchable", "no");
    expect(status).not.toBe(0);
    expect(stderr).toContain("task 'colour/channels' has image FP32 [-1, 3, 2, 2] -> means FP32 [-1, 3]");
    expect(stderr).toContain("the model has x FP32 [-1, 2, 2, 3] -> ");
    expect(await metadata()).toEqual(before);
    expect((await cluster.client.listModels(TASK)).architectures.map(({ name }) => name)).toEqual(["fast"]);
    await expect(cluster.client.listModels("fast")).rejects.toThrow(
      `task 'fast' is not known; the model of that name serves '${TASK}'`,
    );
  });

  it("takes it by a stated mapping; the first one's callers see no change and are answered by either, as latency allows", async () => {
    const before = await metadata();
    const mapped = ["--map", "image=x@NCHW:NHWC", "--map", "means=image"];
    const path = file("slow.onnx", slow);
    const { status, stderr } = await register(
      path,
      "--batchable",
      "no",
      "--declared-accuracy",
      "0.99",
      ...mapped,
    );
    expect([status, stderr]).toEqual([0, expect.anything()]);
    expect(await metadata()).toEqual(before);
    for (const modelName of ["fast", "slow"]) await inference.repositoryModelLoad({ modelName });
    const { variants } = await cluster.client.listModels(TASK);
    const slowestMs = Math.min(
      ...variants.filter((v) => v.architecture === "slow").map((v) => v.profile!.points[0]!.p50Ms),
    );
    for (let turn = 0; turn < 3; turn++) {
      expect(await ask(`${TASK}:best`)).toEqual({ outputs: ["means"], means: [2.5, 25, 1], by: "slow" });
      expect(await ask(`${TASK}:best@latency=${slowestMs / 2}`)).toEqual({
        outputs: ["means"],
        means: [2.5, 25, 1],
        by: "fast",
      });
    }
  });

  it("is a new version when it is stated anew; those who ask in the old terms are answered still", async () => {
    const stated = ["--input", "picture:FP32:-1,3,2,2", "--output", "means:FP32:-1,3"];
    expect((await infaas(cluster, "task", TASK, ...stated)).stdout).toContain(`${TASK} version 2`);
    await expect(metadata()).resolves.toMatchObject({ versions: ["2"], inputs: [{ name: "picture" }] });
    expect(await ask(TASK)).toMatchObject({ means: [2.5, 25, 1] });
  });
});
