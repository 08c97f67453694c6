import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { numbersOf, tensorFromNumbers } from "@infaas/client";
import { Cluster } from "./cluster";
import { elementTypes, onnxFile, tensor } from "./onnx-file";

jest.setTimeout(300_000);

/** Sides of the one constant: 300 MiB of weights, many times the largest message or piece of a file. */
const ROWS = 8_192;
const COLUMNS = 9_600;
const FLOAT_BYTES = 4;
/** Every weight is this. */
const WEIGHT = 0.5;

describe("a model of 300 MB", () => {
  let cluster: Cluster;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "infaas-large-"));
    cluster = await Cluster.start({ zoo: "none" });
  });
  afterAll(async () => {
    await cluster.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is registered from the bare file, uploaded in pieces, loaded and answers", async () => {
    const path = join(folder, "large.onnx");
    const weights = Buffer.from(new Float32Array(ROWS * COLUMNS).fill(WEIGHT).buffer);
    const { FP32 } = elementTypes;
    writeFileSync(
      path,
      onnxFile({
        name: "large",
        node: [{ opType: "MatMul", input: ["x", "w"], output: ["y"] }],
        initializer: [{ name: "w", dataType: FP32, dims: [BigInt(ROWS), BigInt(COLUMNS)], rawData: weights }],
        input: [tensor("x", FP32, ["n", ROWS])],
        output: [tensor("y", FP32, ["n", COLUMNS])],
      }),
    );
    expect(statSync(path).size).toBeGreaterThan(ROWS * COLUMNS * FLOAT_BYTES);
    await cluster.client.register({ path });
    const input = tensorFromNumbers("x", "FP32", [1, ROWS], new Array<number>(ROWS).fill(1));
    const { outputs, receipt } = await cluster.client.query("large", [input]);
    expect(receipt.executor).toBe("executor-1");
    const [answer] = outputs;
    expect(answer?.shape).toEqual([1, COLUMNS]);
    expect(new Set(numbersOf(answer!))).toEqual(new Set([ROWS * WEIGHT]));
  });
});
