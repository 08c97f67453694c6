import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeBytes, encodeBytes, GRPCInferenceService } from "@infaas/api";
import { Code, createRpcClient, ServiceError } from "@infaas/runtime";
import { Cluster, eventually, infaas } from "./cluster";
import { elementTypes, onnxFile, tensor } from "./onnx-file";

const { FP32: FLOAT, INT64, BYTES: STRING } = elementTypes;

/** Models of unusual kinds, registered from their files and asked through a whole system. */
describe("any model", () => {
  let cluster: Cluster;
  const connect = () => createRpcClient(GRPCInferenceService, cluster.address);
  let inference: ReturnType<typeof connect>;
  const folder = mkdtempSync(join(tmpdir(), "infaas-any-model-"));
  const watched = mkdtempSync(join(tmpdir(), "infaas-watched-"));
  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: "none", args: ["--models", watched] });
    inference = connect();
  });
  afterAll(async () => {
    inference?.close();
    await cluster?.stop();
    for (const made of [folder, watched]) rmSync(made, { recursive: true });
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

  it("deletes a model under queries: each is answered or NOT_FOUND, and it may be registered anew", async () => {
    const path = join(folder, "doubling.onnx");
    const doubling = onnxFile({
      name: "doubling",
      node: [{ opType: "Add", input: ["x", "x"], output: ["y"] }],
      input: [tensor("x", FLOAT, ["N", 1])],
      output: [tensor("y", FLOAT, ["N", 1])],
    });
    writeFileSync(path, doubling);
    const ask = async (value: number) => {
      const bytes = Buffer.from(Float32Array.of(value).buffer);
      const { outputs } = await cluster.client.query("doubling", [
        { name: "x", datatype: "FP32", shape: [1, 1], bytes },
      ]);
      return new Float32Array(Uint8Array.from(outputs[0]!.bytes).buffer)[0];
    };
    await cluster.client.register({ path });
    expect(await ask(1)).toBe(2);
    let isDeleted = false;
    const codes = new Set<Code>();
    const caller = async () => {
      for (let value = 0; !isDeleted || value === 0; value++) {
        const answer = await ask(value).catch((error) => error);
        if (answer instanceof ServiceError) codes.add(answer.code);
        else expect(answer).toBe(2 * value);
      }
    };
    const callers = Array.from({ length: 8 }, caller);
    const deleted = await infaas(cluster, "delete", "doubling");
    expect([deleted.status, deleted.stdout]).toEqual([
      0,
      expect.stringMatching(
        /^deleted task model\/doubling\ndeleted model doubling\ndeleted variant doubling\.v1\./,
      ),
    ]);
    await eventually("the model is unknown", 5_000, async () => (await failureOf(ask(1))) === Code.NOT_FOUND);
    isDeleted = true;
    await Promise.all(callers);
    expect([...codes].filter((code) => code !== Code.NOT_FOUND)).toEqual([]);
    const { tasks } = await cluster.client.listModels();
    expect(tasks.map(({ name }) => name)).not.toContain("model/doubling");
    await cluster.client.register({ path });
    expect(await ask(3)).toBe(6);
    const again = await infaas(cluster, "delete", "tripling");
    expect([again.status, again.stderr]).toEqual([1, expect.stringContaining('NOT_FOUND: "tripling"')]);
  }, 120_000);

  it("leaves nothing of a registration that fails, not even the task it would have made", async () => {
    const path = join(folder, "broken.onnx");
    writeFileSync(path, "no model");
    await expect(cluster.client.register({ path })).rejects.toBeInstanceOf(ServiceError);
    const { tasks, architectures } = await cluster.client.listModels();
    expect([...tasks, ...architectures].filter(({ name }) => name.includes("broken"))).toEqual([]);
  });

  it("serves what is put into the folder of --models, and deletes what is removed", async () => {
    const version = join(watched, "negated", "3");
    await mkdir(version, { recursive: true });
    writeFileSync(
      join(watched, "negated", "config.pbtxt"),
      'platform: "onnxruntime_onnx"\nmax_batch_size: 8\n',
    );
    const file = onnxFile({
      name: "negated",
      node: [{ opType: "Neg", input: ["x"], output: ["y"] }],
      input: [tensor("x", FLOAT, ["N", 1])],
      output: [tensor("y", FLOAT, ["N", 1])],
    });
    writeFileSync(join(version, "model.onnx"), file);
    const bytes = Buffer.from(Float32Array.of(7).buffer);
    const x = { name: "x", datatype: "FP32", shape: [1, 1], bytes } as const;
    const answer = async () => (await cluster.client.query("negated", [x])).outputs[0]?.bytes;
    await eventually("it is served", 30_000, async () => {
      const [first] = new Float32Array(Uint8Array.from((await answer()) ?? []).buffer);
      return first === -7;
    });
    rmSync(join(watched, "negated"), { recursive: true });
    await eventually("it is deleted", 10_000, async () => {
      const { architectures } = await cluster.client.listModels();
      return !architectures.some(({ name }) => name === "negated");
    });
  });

  it("drains an executor, tells so, and puts it back", async () => {
    const accepting = async () => (await cluster.client.status()).executors.map((one) => one.accepting);
    expect((await infaas(cluster, "drain", "executor-1")).status).toBe(0);
    await eventually("it is drained", 5_000, async () => (await accepting()).join() === "false");
    expect((await infaas(cluster, "undrain", "executor-1")).stdout).toBe("executor-1 takes new work\n");
    await eventually("it takes work", 5_000, async () => (await accepting()).join() === "true");
    const other = await infaas(cluster, "undrain", "executor-7");
    expect(other.stderr).toContain("executor 'executor-7' is not known; known: executor-1");
  });

  it("tells health checks whether a process serves, by the exit status", async () => {
    const metadata = `127.0.0.1:${Number(cluster.address.split(":")[1]) + 100}`;
    for (const address of [cluster.address, metadata]) {
      const { status, stdout } = await infaas(cluster, "health", "--address", address);
      expect([status, stdout]).toEqual([0, `${address} serves\n`]);
    }
  });

  it("refuses a second system on its data folder and leaves the first as it is", async () => {
    const second = await infaas(cluster, "up", "--port", "18001", "--data-dir", cluster.folder);
    expect([second.status, second.stderr]).toEqual([
      1,
      expect.stringContaining(`belongs to the system that process ${cluster.pid} runs`),
    ]);
    expect((await cluster.client.status()).executors).toHaveLength(1);
  });

  it("stops by the command line as by Ctrl-C", async () => {
    const down = await infaas(cluster, "down", "--data-dir", cluster.folder);
    expect([down.status, down.stdout]).toEqual([0, `stopped (process ${cluster.pid})\n`]);
    expect((await infaas(cluster, "down", "--data-dir", cluster.folder)).status).toBe(1);
  });
});

/** Code that a query failed with; OK where it was answered. */
async function failureOf(query: Promise<unknown>): Promise<Code> {
  return query.then(
    () => Code.OK,
    (error) => ServiceError.from(error).code,
  );
}
