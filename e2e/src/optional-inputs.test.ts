import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GRPCInferenceService, type GRPCInferenceService as Service } from "@infaas/api";
import { Code, createRpcClient } from "@infaas/runtime";
import { Cluster, infaas } from "./cluster";
import { elementTypes, type Graph, onnxFile, tensor } from "./onnx-file";

const { FP32: FLOAT } = elementTypes;
const bytes = (...values: number[]) => new Uint8Array(Float32Array.from(values).buffer);
const numbers = (raw: Uint8Array) => [...new Float32Array(Uint8Array.from(raw).buffer)];
const weight = (name: string, ...values: number[]) => ({
  name,
  dims: [BigInt(values.length)],
  dataType: FLOAT,
  rawData: bytes(...values),
});

/** `y = x * s`, where `s` is 2 unless it is sent. */
const scaled: Graph = {
  name: "scaled",
  node: [{ opType: "Mul", input: ["x", "s"], output: ["y"] }],
  initializer: [weight("s", 2)],
  input: [tensor("x", FLOAT, ["n", 2]), tensor("s", FLOAT, [1])],
  output: [tensor("y", FLOAT, ["n", 2])],
};

/** `y = x + w0 + ... + w99`, with all weights listed as inputs, as exporters did. */
const names = Array.from({ length: 100 }, (_, i) => `w${i}`);
const listed: Graph = {
  name: "listed",
  node: [{ opType: "Sum", input: ["x", ...names], output: ["y"] }],
  initializer: names.map((name) => weight(name, 1, 0.5)),
  input: [tensor("x", FLOAT, ["n", 2]), ...names.map((name) => tensor(name, FLOAT, [2]))],
  output: [tensor("y", FLOAT, ["n", 2])],
};

describe("inputs that may be left out", () => {
  let cluster: Cluster;
  const connect = () => createRpcClient<typeof Service>(GRPCInferenceService, cluster.address);
  let inference: ReturnType<typeof connect>;
  const folder = mkdtempSync(join(tmpdir(), "infaas-optional-"));
  const register = async (name: string, file: Uint8Array) => {
    const path = join(folder, `${name}.onnx`);
    writeFileSync(path, file);
    const { status, stdout, stderr } = await infaas(cluster, "register", path);
    expect([status, stderr]).toEqual([0, expect.anything()]);
    return stdout;
  };
  const x = (...row: number[]) => ({ name: "x", datatype: "FP32", shape: [BigInt(row.length / 2), 2n], row });
  const s = (value: number) => ({ name: "s", datatype: "FP32", shape: [1n], row: [value] });
  type Sent = ReturnType<typeof x> | ReturnType<typeof s>;
  const request = (...sent: Sent[]) => ({
    modelName: "scaled",
    inputs: sent.map(({ row: _, ...described }) => described),
    rawInputContents: sent.map(({ row }) => bytes(...row)),
  });
  const ask = async (...sent: Sent[]) => {
    const { rawOutputContents } = await inference.modelInfer(request(...sent));
    return numbers(rawOutputContents[0]!);
  };

  beforeAll(async () => {
    cluster = await Cluster.start({ zoo: "none" });
    inference = connect();
    expect(await register("scaled", onnxFile(scaled))).toContain("input   s FP32 [1] optional");
  });
  afterAll(async () => {
    inference?.close();
    await cluster?.stop();
    rmSync(folder, { recursive: true });
  });

  it("are shown as such, and the model is batched by proof", async () => {
    await expect(inference.modelMetadata({ name: "scaled" })).resolves.toMatchObject({
      inputs: [
        { name: "x", datatype: "FP32", shape: [-1n, 2n] },
        { name: "s", datatype: "FP32", shape: [1n] },
      ],
    });
    const { config } = await inference.modelConfig({ name: "scaled" });
    expect(config?.input).toMatchObject([
      { name: "x", optional: false, dims: [2n] },
      { name: "s", optional: true, dims: [1n] },
    ]);
    expect(config?.parameters.batching?.stringValue).toBe("proven");
  });

  it("are answered as the file says, sent or left out, in any order, with any number of rows", async () => {
    expect(await ask(x(1, -2))).toEqual([2, -4]);
    expect(await ask(x(1, -2), s(10))).toEqual([10, -20]);
    expect(await ask(s(10), x(1, -2, 3, 4))).toEqual([10, -20, 30, 40]);
    const many = Array.from({ length: 2_000 }, (_, i) => i);
    expect(await ask(s(3), x(...many))).toEqual(many.map((value) => 3 * value));
    expect(await ask(x())).toEqual([]);
    expect(await ask(x(), s(3))).toEqual([]);
  });

  it("change nobody else's answer", async () => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, i) =>
        i % 2 === 0 ? await ask(x(i, 1)) : await ask(x(i, 1), s(i)),
      ),
    );
    expect(answers).toEqual(answers.map((_, i) => (i % 2 === 0 ? [2 * i, 2] : [i * i, i])));
  });

  it("are refused in another size, and as the only input, by name", async () => {
    const wide = { ...s(1), shape: [2n], row: [1, 1] };
    await expect(ask(x(1, 2), wide)).rejects.toMatchObject({
      code: Code.INVALID_ARGUMENT,
      message: expect.stringContaining("input s: shape is [2], the model takes [1]"),
    });
    await expect(ask(s(1))).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
  });

  it("are taken with typed contents, by a stream, and out of shared memory", async () => {
    const typed = {
      modelName: "scaled",
      inputs: [x(1, -2), s(10)].map(({ row, ...described }) => ({
        ...described,
        contents: { fp32Contents: row },
      })),
    };
    expect(numbers((await inference.modelInfer(typed)).rawOutputContents[0]!)).toEqual([10, -20]);
    async function* asked() {
      yield request(x(1, -2));
      yield request(x(1, -2), s(7));
    }
    const streamed: number[][] = [];
    for await (const { inferResponse } of inference.modelStreamInfer(asked()))
      streamed.push(numbers(inferResponse!.rawOutputContents[0]!));
    expect(streamed).toEqual([
      [2, -4],
      [7, -14],
    ]);
    const key = `infaas-optional-${process.pid}`;
    writeFileSync(join("/dev/shm", key), bytes(1, -2, 5));
    try {
      await inference.systemSharedMemoryRegister({ name: "r", key: `/${key}`, offset: 0n, byteSize: 12n });
      const place = (offset: number, size: number) => ({
        shared_memory_region: { parameterChoice: { case: "stringParam" as const, value: "r" } },
        shared_memory_byte_size: { parameterChoice: { case: "int64Param" as const, value: BigInt(size) } },
        shared_memory_offset: { parameterChoice: { case: "int64Param" as const, value: BigInt(offset) } },
      });
      const { inputs } = request(x(0, 0), s(0));
      const placed = inputs.map((input, i) => ({
        ...input,
        parameters: i === 0 ? place(0, 8) : place(8, 4),
      }));
      const { rawOutputContents } = await inference.modelInfer({ modelName: "scaled", inputs: placed });
      expect(numbers(rawOutputContents[0]!)).toEqual([5, -10]);
    } finally {
      rmSync(join("/dev/shm", key));
    }
  });

  it("are taken over HTTP, as JSON and as bytes", async () => {
    const url = `http://${cluster.httpAddress}/v2/models/scaled/infer`;
    const json = async (...inputs: object[]) => {
      const answer = await fetch(url, { method: "POST", body: JSON.stringify({ inputs }) });
      return ((await answer.json()) as { outputs: { data: number[] }[] }).outputs[0]?.data;
    };
    const row = { name: "x", datatype: "FP32", shape: [1, 2], data: [1, -2] };
    expect(await json(row)).toEqual([2, -4]);
    expect(await json(row, { name: "s", datatype: "FP32", shape: [1], data: [10] })).toEqual([10, -20]);
    const head = Buffer.from(
      JSON.stringify({
        inputs: [
          { name: "x", datatype: "FP32", shape: [1, 2], parameters: { binary_data_size: 8 } },
          { name: "s", datatype: "FP32", shape: [1], parameters: { binary_data_size: 4 } },
        ],
      }),
    );
    const answer = await fetch(url, {
      method: "POST",
      headers: { "Inference-Header-Content-Length": String(head.byteLength) },
      body: Buffer.concat([head, bytes(1, -2, 4)]),
    });
    expect(await answer.json()).toMatchObject({ outputs: [{ data: [4, -8] }] });
  });

  it.each([
    ["all initializers are listed (IR 3)", 3n],
    ["a newer file lists a hundred of them", 8n],
  ])("are none where %s: they are weights", async (_when, irVersion) => {
    const name = `listed-${irVersion}`;
    await register(name, onnxFile(listed, irVersion === 3n ? 8 : 17, irVersion));
    const { inputs } = await inference.modelMetadata({ name });
    expect(inputs.map((input) => input.name)).toEqual(["x"]);
    const { rawOutputContents } = await inference.modelInfer({ ...request(x(1, 2)), modelName: name });
    expect(numbers(rawOutputContents[0]!)).toEqual([101, 52]);
  });
});
