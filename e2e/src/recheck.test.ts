import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BatchingCertificate } from "@infaas/api";
import { Cluster, eventually, infaas } from "./cluster";
import { elementTypes, onnxFile, tensor } from "./onnx-file";

const CALLERS = 32;
/** Rows are divided by the loudest value of all: by proof it is served alone, by its owner's word it is not. */
const clipped = onnxFile({
  name: "clipped",
  node: [
    { opType: "Abs", input: ["x"], output: ["a"] },
    { opType: "ReduceMax", input: ["a"], output: ["m"], attribute: [{ name: "keepdims", type: 2, i: 0n }] },
    { opType: "Max", input: ["m", "one"], output: ["d"] },
    { opType: "Div", input: ["x", "d"], output: ["y"] },
  ],
  initializer: [{ name: "one", dataType: elementTypes.FP32, floatData: [1] }],
  input: [tensor("x", elementTypes.FP32, ["n", 4])],
  output: [tensor("y", elementTypes.FP32, ["n", 4])],
});

describe("a model that its owner has batched although its rows meet", () => {
  let cluster: Cluster;
  let folder = "";
  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: "none", args: ["--executors", "2"] });
    folder = await mkdtemp(join(tmpdir(), "recheck-"));
    await writeFile(join(folder, "clipped.onnx"), clipped);
    await cluster.client.register({ path: join(folder, "clipped.onnx"), name: "clipped", batchable: true });
  }, 300_000);
  afterAll(async () => {
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Every other caller is quiet, the others are loud: those are the loudest of any company. */
  const askAll = (variant: string) =>
    Promise.all(
      Array.from({ length: CALLERS }, async (_, caller) => {
        const loud = caller % 2 === 1;
        const bytes = new Uint8Array(Float32Array.of(0.25, loud ? 800 : 0.5, 0, -0.125).buffer);
        const { outputs, receipt } = await cluster.client.query(
          variant,
          [{ name: "x", datatype: "FP32", shape: [1, 4], bytes }],
          {},
          { timeoutMs: 20_000 },
        );
        const [first] = new Float32Array(Uint8Array.from(outputs[0]!.bytes).buffer);
        return { right: first === (loud ? Math.fround(0.25 / 800) : 0.25), batching: receipt.batching };
      }),
    );
  const variantsOf = async () => (await cluster.client.listModels()).variants;

  it("is found by running a query again alone, and answered right from then on, everywhere", async () => {
    const { name } = (await variantsOf()).find(({ maxBatch }) => maxBatch > 1)!;
    let wrong = 0;
    let ground = BatchingCertificate.UNSPECIFIED;
    await eventually("batching of the variant has ended", 30_000, async () => {
      const answers = await askAll(name);
      wrong += answers.filter(({ right }) => !right).length;
      ground ||= answers[0]!.batching;
      const variant = (await variantsOf()).find((known) => known.name === name);
      return variant?.unbatched === true;
    });
    expect(wrong).toBeGreaterThan(0);
    expect(ground).toBe(BatchingCertificate.OWNER);
    expect((await variantsOf()).find((variant) => variant.name === name)).toMatchObject({
      batchingCertificate: BatchingCertificate.ALONE,
      batchingEnded: expect.stringMatching(/^rows changed each other's answers: output 'y' of a request/),
    });
    for (let round = 0; round < 20; round++)
      expect((await askAll(name)).filter(({ right }) => !right)).toEqual([]);
    expect((await askAll(name))[0]?.batching).toBe(BatchingCertificate.ALONE);
    const { stdout } = await infaas(cluster, "models");
    expect(stdout).toMatch(/none: rows changed each other's answers: output 'y'/);
    const status = await infaas(cluster, "status");
    expect(status.stdout).toMatch(/needs attention/);
    expect(status.stdout).toMatch(
      /clipped.*rows changed each other's answers: output 'y'.*without --batchable/,
    );
  }, 120_000);
});
