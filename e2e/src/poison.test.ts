import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ServiceError } from "@infaas/runtime";
import { Cluster, eventually } from "./cluster";
import { elementTypes, onnxFile, tensor } from "./onnx-file";
import { validationRow } from "./validation";

const task = "digit-classification/uci-digits";
const bystander = "digits-logreg";

/** INT64_MIN / -1 is a trap of the processor inside the engine. */
const division = onnxFile({
  name: "division",
  node: [{ opType: "Div", input: ["a", "b"], output: ["y"] }],
  input: [tensor("a", elementTypes.INT64, ["n"]), tensor("b", elementTypes.INT64, ["n"])],
  output: [tensor("y", elementTypes.INT64, ["n"])],
});

describe("a cluster with two executors, one query of which is poison", () => {
  let cluster: Cluster;
  let folder = "";
  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: bystander, args: ["--executors", "2"] });
    folder = await mkdtemp(join(tmpdir(), "poison-"));
    await writeFile(join(folder, "division.onnx"), division);
    await cluster.client.register({ path: join(folder, "division.onnx"), name: "division" });
  }, 300_000);
  afterAll(async () => {
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const int64 = (name: string, value: bigint) => ({
    name,
    datatype: "INT64" as const,
    shape: [1],
    bytes: new Uint8Array(BigInt64Array.of(value).buffer),
  });
  const divide = (a: bigint, b: bigint) =>
    cluster.client.query("division", [int64("a", a), int64("b", b)], {}, { timeoutMs: 20_000 });

  it("refuses that query with how its process ended, answers everybody else, and divides on", async () => {
    const failures: ServiceError[] = [];
    let answered = 0;
    let running = true;
    const others = Array.from({ length: 8 }, async (_, caller) => {
      for (let i = caller; running; i++) {
        const { input } = validationRow(task, i % 50);
        await cluster.client.query(bystander, [input], {}, { timeoutMs: 20_000 }).then(
          () => {
            answered++;
          },
          (fault) => failures.push(ServiceError.from(fault)),
        );
      }
    });
    await eventually("others are answered", 20_000, async () => answered > 100);
    const pids = ["executor-1", "executor-2"].map((name) => cluster.pidOf(name));
    await expect(divide(-(2n ** 63n), -1n)).rejects.toMatchObject({
      code: Code.INTERNAL,
      message: expect.stringContaining("the engine process that ran the query ended with SIGFPE"),
    });
    const then = answered;
    await eventually("others go on", 20_000, async () => answered > then + 200);
    const { outputs } = await divide(42n, 6n);
    expect(Buffer.from(outputs[0]?.bytes ?? []).readBigInt64LE()).toBe(7n);
    running = false;
    await Promise.all(others);
    expect(failures.map(({ message }) => message)).toEqual([]);
    expect(["executor-1", "executor-2"].map((name) => cluster.pidOf(name))).toEqual(pids);
  }, 120_000);
});
