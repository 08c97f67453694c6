import { fromBinary } from "@bufbuild/protobuf";
import { InferenceService, ModelInferRequestSchema, RefusalSchema } from "@infaas/api";
import { Code, createRpcClient, ServiceError } from "@infaas/runtime";
import { DIMS_MAX, INPUTS_MAX, NAME_MAX } from "../../query/request-limits";
import { type House, startHouse, TASK } from "../../testing/house";
import { ANSWER_VALUES } from "../../testing/scripted-executor";

jest.setTimeout(30_000);

const input = { name: "pixels", datatype: "FP32", shape: [1n, 4n] };
const row = { target: TASK, id: "q-1", inputs: [input], rawInputContents: [new Uint8Array(16).fill(3)] };

describe.each(["native", "grpc"])("Query over the %s ingress", (ingress) => {
  let house: House;
  let client: ReturnType<typeof clientOf>;
  const clientOf = (address: string) => createRpcClient(InferenceService, address);
  const ask = (request: Parameters<(typeof client)["query"]>[0]) =>
    client.query(request, { timeoutMs: 20_000 });
  const refusalOf = async (request: Parameters<typeof ask>[0]) => {
    try {
      await ask(request);
    } catch (error) {
      return ServiceError.from(error);
    }
    throw new Error("was answered");
  };

  beforeAll(async () => {
    // One query at a time: whatever is answered below shows that the one before gave its place back.
    const args = ["--ingress", ingress, "--tenant-in-flight-max", "1"];
    house = await startHouse({ e1: ["mlp@1"] }, undefined, args);
    client = clientOf(house.frontend.address);
  });
  afterAll(async () => {
    client.close();
    await house.stop();
  });

  it("answers with tensors, typed receipt and, if asked, explanation", async () => {
    const answer = await ask({ ...row, explain: true, slo: { latencyMs: 5_000 } });
    expect(answer).toMatchObject({
      id: "q-1",
      outputs: [{ name: "scores", datatype: "FP32" }],
      rawOutputContents: [new Uint8Array(ANSWER_VALUES.buffer)],
      receipt: { variant: "mlp@1", executor: "e1" },
    });
    expect(answer.explanation?.candidates.length).toBeGreaterThan(0);
    expect((await ask(row)).explanation).toBeUndefined();
  });

  it("sends the executor large tensors as they came, in order among small ones", async () => {
    const rawInputContents = [70_000, 5, 1_500_000].map((length, i) => new Uint8Array(length).fill(i + 1));
    const inputs = ["a", "b", "c"].map((name) => ({ ...input, name }));
    await ask({ ...row, inputs, rawInputContents });
    const sent = fromBinary(ModelInferRequestSchema, house.executors[0]!.received.at(-1)!.body);
    expect(sent).toMatchObject({ modelName: TASK, id: "q-1", inputs });
    // As whole buffers: jest compares millions of elements in seconds.
    expect(sent.rawInputContents.map(({ length }) => length)).toEqual([70_000, 5, 1_500_000]);
    expect(sent.rawInputContents.map((bytes, i) => Buffer.compare(bytes, rawInputContents[i]!))).toEqual([
      0, 0, 0,
    ]);
  });

  it("sends the executor tensors as they came, without parameters of their own", async () => {
    const spoken = {
      shared_memory_region: { parameterChoice: { case: "stringParam", value: "r" } },
    } as const;
    await ask({ ...row, inputs: [{ ...input, parameters: spoken }] });
    const { body } = house.executors[0]!.received.at(-1)!;
    const sent = fromBinary(ModelInferRequestSchema, body);
    expect(sent).toMatchObject({ modelName: TASK, id: "q-1", inputs: [{ ...input, parameters: {} }] });
    expect(sent.rawInputContents.map((bytes) => [...bytes])).toEqual([new Array(16).fill(3)]);
  });

  it("refuses with the offers in the details", async () => {
    const error = await refusalOf({ ...row, slo: { minAccuracy: 0.99 } });
    expect(error.code).toBe(Code.FAILED_PRECONDITION);
    const detail = error.details.find(({ typeName }) => typeName === RefusalSchema.typeName);
    expect(fromBinary(RefusalSchema, detail!.value).offers.length).toBeGreaterThan(0);
  });

  it.each([
    [
      "inputs",
      { inputs: new Array(INPUTS_MAX + 1).fill(input) },
      "request has 1025 inputs; at most 1024 are taken",
    ],
    [
      "dimensions",
      { inputs: [{ ...input, shape: new Array(DIMS_MAX + 1).fill(1n) }] },
      "request has 8193 dimensions; at most 8192 are taken",
    ],
    ["characters of an id", { id: "n".repeat(NAME_MAX + 1) }, "(its id) has 1025 characters"],
    [
      "characters of a name",
      { inputs: [{ ...input, name: "n".repeat(NAME_MAX + 1) }] },
      "of an input has 1025",
    ],
  ])("refuses more %s than any request may have", async (_, more, sentence) => {
    const error = await refusalOf({ ...row, ...more });
    expect([error.code, error.message]).toEqual([Code.INVALID_ARGUMENT, expect.stringContaining(sentence)]);
  });
});
