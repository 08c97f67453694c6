import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GRPCInferenceService } from "@infaas/api";
import { Code, createRpcClient } from "@infaas/runtime";
import { Cluster, eventually, infaas } from "./cluster";
import { ExtraFrontend } from "./extra-frontend";
import { elementTypes, onnxFile, tensor } from "./onnx-file";

jest.setTimeout(120_000);

const { FP32: FLOAT, INT64 } = elementTypes;
const ints = (...values: bigint[]) => new Uint8Array(BigInt64Array.from(values).buffer);

/** `y = table[id - 1,000,000]`: ids of a catalogue that nobody tries. */
const catalogue = onnxFile({
  name: "catalogue",
  node: [
    { opType: "Sub", input: ["id", "first"], output: ["row"] },
    { opType: "Gather", input: ["table", "row"], output: ["y"] },
  ],
  initializer: [
    { name: "first", dims: [1n], dataType: INT64, rawData: ints(1_000_000n) },
    { name: "table", dims: [3n], dataType: FLOAT, rawData: new Uint8Array(Float32Array.of(5, 6, 7).buffer) },
  ],
  input: [tensor("id", INT64, ["n"])],
  output: [tensor("y", FLOAT, ["n"])],
});

/** `y = x + noise`, of one row. */
const noisy = onnxFile({
  name: "noisy",
  node: [
    { opType: "RandomNormalLike", input: ["x"], output: ["noise"] },
    { opType: "Add", input: ["x", "noise"], output: ["y"] },
  ],
  input: [tensor("x", FLOAT, [1, 4])],
  output: [tensor("y", FLOAT, [1, 4])],
});

/** Answered queries after which a frontend records a profile. */
const ANSWERS_WANTED = 8;

describe("a model of which no input is known", () => {
  let cluster: Cluster;
  const connect = () => createRpcClient(GRPCInferenceService, cluster.address);
  let inference: ReturnType<typeof connect>;
  const folder = mkdtempSync(join(tmpdir(), "infaas-unprofiled-"));
  const path = join(folder, "catalogue.onnx");
  const ask = async (id: bigint, parameters: object = {}) => {
    const { rawOutputContents } = await inference.modelInfer({
      modelName: "catalogue",
      inputs: [{ name: "id", datatype: "INT64", shape: [1n] }],
      rawInputContents: [ints(id)],
      parameters: { ...parameters },
    });
    return [...new Float32Array(Uint8Array.from(rawOutputContents[0]!).buffer)];
  };
  const variants = async () => (await cluster.client.listModels()).variants;
  const parameters = async () =>
    (await inference.modelConfig({ name: "catalogue" })).config?.parameters ?? {};

  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: "none" });
    inference = connect();
    writeFileSync(path, catalogue);
  });
  afterAll(async () => {
    inference?.close();
    await cluster?.stop();
    rmSync(folder, { recursive: true });
  });

  it("registers, alone and without figures, and everybody is told", async () => {
    const { status, stdout, stderr } = await infaas(cluster, "register", path);
    expect([status, stderr]).toEqual([0, expect.anything()]);
    expect(stdout).toContain("profiled no: no input was found that it takes: ");
    expect(stdout).toContain("not measured");
    expect((await infaas(cluster, "models")).stdout).toContain("not measured");
    const now = JSON.parse((await infaas(cluster, "status", "--json")).stdout);
    expect(now.attention).toEqual([
      {
        variant: (await variants())[0]?.name,
        found: expect.stringMatching(/^no input was found that it takes: /),
        remedy: expect.stringContaining("--examples"),
      },
    ]);
    const { config } = await inference.modelConfig({ name: "catalogue" });
    expect(config?.maxBatchSize).toBe(0);
    expect(config?.parameters.unprofiled_reason?.stringValue).toContain("no input was found");
    expect(await variants()).toMatchObject([{ goldenInputs: [], goldenOutputs: [], unbatched: true }]);
  });

  it("promises no latency: an objective is refused with the reason, a deadline is tried", async () => {
    const latency = { slo_latency_ms: { parameterChoice: { case: "doubleParam", value: 5 } } };
    await expect(ask(1_000_000n, latency)).rejects.toMatchObject({
      code: Code.FAILED_PRECONDITION,
      message: expect.stringContaining("nothing was measured of it yet"),
    });
  });

  it("gets its profile and its golden input from the first queries that are answered", async () => {
    await expect(ask(1n)).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringContaining("Non-zero status code returned while running"),
    });
    for (let turn = 0; turn < 8; turn++) expect(await ask(1_000_001n)).toEqual([6]);
    await eventually("it is profiled", 20_000, async () => !("unprofiled_reason" in (await parameters())));
    const [variant] = await variants();
    expect(variant).toMatchObject({
      unprofiledReason: "",
      goldenInputs: [ints(1_000_001n)],
      goldenOutputs: [new Uint8Array(Float32Array.of(6).buffer)],
      goldenInputShapes: [{ dims: [1n] }],
    });
    expect(variant!.goldenTolerance).toBeCloseTo(6e-4);
    expect(variant!.profile!.points).toHaveLength(1);
    expect(variant!.profile!.points[0]!.p50Ms).toBeLessThan(100);
    expect(variant!.profile!.measuredAtMs).toBeGreaterThan(0n);
    expect(await ask(1_000_002n)).toEqual([7]);
  });

  it("is loaded with its golden input from then on", async () => {
    await inference.repositoryModelUnload({ modelName: "catalogue" });
    await inference.repositoryModelLoad({ modelName: "catalogue" });
    expect(await ask(1_000_000n)).toEqual([5]);
  });

  describe("asked at two frontends", () => {
    let second: ExtraFrontend;
    beforeAll(async () => {
      second = await ExtraFrontend.start(cluster);
    });
    afterAll(() => second?.stop());

    it.each(["race-1", "race-2", "race-3"])(
      "has the profile and the golden query of one of them, and all answers are right: %s",
      async (name) => {
        await cluster.client.register({ name, path });
        const others = createRpcClient(GRPCInferenceService, second.address);
        const one = (at: typeof inference, id: bigint) =>
          at.modelInfer({
            modelName: name,
            inputs: [{ name: "id", datatype: "INT64", shape: [1n] }],
            rawInputContents: [ints(id)],
          });
        const answersOf = async (count: number) => {
          const asked = [...Array(count)].flatMap(() => [
            one(inference, 1_000_000n),
            one(others, 1_000_002n),
          ]);
          const answers = await Promise.all(asked);
          return answers.map(
            ({ rawOutputContents: [raw] }) => new Float32Array(Uint8Array.from(raw!).buffer)[0],
          );
        };
        const record = async () => (await variants()).find(({ architecture }) => architecture === name)!;
        await eventually("both answer", 20_000, async () => (await answersOf(1)).length === 2);
        expect(await answersOf(ANSWERS_WANTED)).toEqual([...Array(ANSWERS_WANTED)].flatMap(() => [5, 7]));
        await eventually("it is profiled", 20_000, async () => (await record()).unprofiledReason === "");
        const recorded = await record();
        const golden = [recorded.goldenInputs[0], recorded.goldenOutputs[0]];
        expect([
          [ints(1_000_000n), new Uint8Array(Float32Array.of(5).buffer)],
          [ints(1_000_002n), new Uint8Array(Float32Array.of(7).buffer)],
        ]).toContainEqual(golden);
        expect(await answersOf(ANSWERS_WANTED)).toEqual([...Array(ANSWERS_WANTED)].flatMap(() => [5, 7]));
        expect(await record()).toEqual(recorded);
        const logs = [readFileSync(join(cluster.folder, "logs", "frontend.log"), "utf8"), ...second.log];
        const winners = logs
          .join("\n")
          .matchAll(/"profiled by its first answered queries".*?"variant":"([^"]+)"/g);
        expect([...winners].filter(([, variant]) => variant === recorded.name)).toHaveLength(1);
        others.close();
      },
    );
  });

  it("is not one that draws its answers: that is loaded with an input and no answer, whatever it says", async () => {
    const file = join(folder, "noisy.onnx");
    writeFileSync(file, noisy);
    const { status, stdout } = await infaas(cluster, "register", file);
    expect([status, stdout]).toEqual([0, expect.stringContaining("the model draws its answers")]);
    const shape = [1, 4];
    const input = { name: "x", datatype: "FP32" as const, shape, bytes: new Uint8Array(16) };
    const answers = await Promise.all([1, 2].map(() => cluster.client.query("noisy", [input])));
    const [first, other] = answers.map(({ outputs: [output] }) => Buffer.from(output!.bytes).toString("hex"));
    expect(first).not.toBe(other);
  });
});
