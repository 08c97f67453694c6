import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeBytes, encodeBytes, GRPCInferenceService } from "@infaas/api";
import { Code, createRpcClient } from "@infaas/runtime";
import { Cluster, infaas } from "./cluster";
import { elementTypes, onnxFile, tensor } from "./onnx-file";

const { FP32: FLOAT, INT64, BYTES: STRING } = elementTypes;

/** Models of unusual kinds, registered from their files and asked through a whole system. */
describe("any model", () => {
  let cluster: Cluster;
  const connect = () => createRpcClient(GRPCInferenceService, cluster.address);
  let inference: ReturnType<typeof connect>;
  const folder = mkdtempSync(join(tmpdir(), "infaas-any-model-"));
  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: "none" });
    inference = connect();
  });
  afterAll(async () => {
    inference?.close();
    await cluster?.stop();
    rmSync(folder, { recursive: true });
  });

  it("takes weights from files below its folder, by the command line", async () => {
    await mkdir(join(folder, "weights"));
    writeFileSync(join(folder, "weights", "w 1.bin"), Buffer.from(Float32Array.of(10, 20).buffer));
    const path = join(folder, "external.onnx");
    writeFileSync(
      path,
      onnxFile({
        name: "external",
        node: [{ opType: "Add", input: ["x", "w"], output: ["y"] }],
        initializer: [
          {
            name: "w",
            dims: [2n],
            dataType: FLOAT,
            dataLocation: 1,
            externalData: [{ key: "location", value: "weights/w 1.bin" }],
          },
        ],
        input: [tensor("x", FLOAT, ["N", 2])],
        output: [tensor("y", FLOAT, ["N", 2])],
      }),
    );
    const registered = await infaas(cluster, "register", path, "--json");
    expect([registered.status, JSON.parse(registered.stdout).architecture.externalData]).toEqual([
      0,
      [{ name: "weights/w 1.bin", digest: expect.stringContaining("sha256:") }],
    ]);
    const bytes = Buffer.from(Float32Array.of(1, 2).buffer);
    const { outputs } = await cluster.client.query("external", [
      { name: "x", datatype: "FP32", shape: [1, 2], bytes },
    ]);
    expect([...new Float32Array(Uint8Array.from(outputs[0]!.bytes).buffer)]).toEqual([11, 22]);
  });

  it("refuses a model whose weights lie outside its folder, before anything is sent", async () => {
    const path = join(folder, "escaping.onnx");
    const w = { name: "w", dims: [1n], dataType: FLOAT, dataLocation: 1 };
    writeFileSync(
      path,
      onnxFile({
        name: "escaping",
        node: [{ opType: "Add", input: ["x", "w"], output: ["y"] }],
        initializer: [{ ...w, externalData: [{ key: "location", value: "../../etc/passwd" }] }],
        input: [tensor("x", FLOAT, ["N", 1])],
        output: [tensor("y", FLOAT, ["N", 1])],
      }),
    );
    await expect(cluster.client.register({ path })).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringContaining("is no path below the model's folder"),
    });
  });

  it("serves strings and scalars under any tensor names, unbatched, and says why", async () => {
    const names = { text: "text 'in'/../日本", number: "a\nscalar", twice: 'twice "out"' };
    const path = join(folder, "strings.onnx");
    writeFileSync(
      path,
      onnxFile({
        name: "strings",
        node: [
          { opType: "Identity", input: [names.text], output: ["echo"] },
          { opType: "Add", input: [names.number, names.number], output: [names.twice] },
        ],
        input: [tensor(names.text, STRING, ["N"]), tensor(names.number, INT64, [])],
        output: [tensor("echo", STRING, ["N"]), tensor(names.twice, INT64, [])],
      }),
    );
    await cluster.client.register({ path });
    const words = ["", "zero\0", "ünïcödé"];
    const { outputs } = await cluster.client.query("strings", [
      {
        name: names.text,
        datatype: "BYTES",
        shape: [3],
        bytes: encodeBytes(words.map((word) => Buffer.from(word))),
      },
      {
        name: names.number,
        datatype: "INT64",
        shape: [],
        bytes: Buffer.from(BigInt64Array.of(21n).buffer),
      },
    ]);
    expect(outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ["echo", [3]],
      [names.twice, []],
    ]);
    const echoed = decodeBytes(outputs[0]!.bytes);
    expect(echoed.ok && echoed.value.map((word) => Buffer.from(word).toString())).toEqual(words);
    expect(Buffer.from(outputs[1]!.bytes).readBigInt64LE()).toBe(42n);
    const { config } = await inference.modelConfig({ name: "strings" });
    expect(config?.maxBatchSize).toBe(0);
    expect(config?.parameters.unbatchable_reason?.stringValue).toContain("has no batch axis");
    const wrong = { name: names.text, datatype: "BYTES", shape: [2n], contents: { bytesContents: [] } };
    const asked = inference.modelInfer({
      modelName: "strings",
      inputs: [wrong, { name: names.number, datatype: "INT64", contents: { int64Contents: [1n] } }],
    });
    await expect(asked).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringContaining(`input ${names.text}: 0 elements were sent`),
    });
  });
});
