import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { decodeBytes, ModelInferRequestSchema, placementFromParameters } from "@infaas/api";
import { Code, systemRandom } from "@infaas/runtime";
import { type House, inferRequest, refusalOf, startHouse, TASK } from "../testing/house";

const key = `/infaas-regions-${systemRandom.hex(8)}`;
const path = join("/dev/shm", key);

const text = (value: string) => ({ parameterChoice: { case: "stringParam" as const, value } });
const whole = (value: bigint) => ({ parameterChoice: { case: "int64Param" as const, value } });
const unsigned = (value: bigint) => ({ parameterChoice: { case: "uint64Param" as const, value } });

describe("parameters of single tensors", () => {
  let house: House;
  beforeAll(async () => {
    writeFileSync(path, Buffer.alloc(64));
    house = await startHouse({ e1: ["mlp@1"] });
    await house.inference.systemSharedMemoryRegister({ name: "in", key, offset: 16n, byteSize: 32n });
  });
  afterAll(async () => {
    await house.stop();
    rmSync(path);
  });

  const infer = (o: { input?: object; output?: object; more?: object }) => {
    const { inputs, ...request } = inferRequest(TASK);
    const outputs = o.output === undefined ? [] : [{ name: "scores", parameters: o.output as never }];
    const input = { ...inputs[0]!, ...(o.input === undefined ? {} : { parameters: o.input as never }) };
    const rawInputContents = o.input === undefined ? request.rawInputContents : [];
    return house.inference.modelInfer({ ...request, inputs: [input], outputs, rawInputContents, ...o.more });
  };

  it("turn scores into classes with the task's labels, wherever they were computed", async () => {
    const response = await infer({ output: { classification: whole(2n) } });
    expect(response.outputs[0]).toMatchObject({ name: "scores", datatype: "BYTES", shape: [1n, 2n] });
    const elements = decodeBytes(response.rawOutputContents[0]!);
    expect(elements.ok && elements.value.map((e) => Buffer.from(e).toString())).toEqual([
      "0.750000:1:1",
      "0.250000:0:0",
    ]);
  });

  it("become the place that a region stands for, before the executor sees them", async () => {
    await infer({
      input: {
        shared_memory_region: text("in"),
        shared_memory_offset: whole(8n),
        shared_memory_byte_size: whole(16n),
      },
    });
    const frame = house.executors[0]!.received.at(-1)!;
    const sent = fromBinary(ModelInferRequestSchema, frame.body);
    expect(placementFromParameters(sent.inputs[0]!.parameters)).toMatchObject({
      key,
      offset: 24,
      byteSize: 16,
    });
  });

  it("cannot be forged: what a caller says of places is dropped", async () => {
    await infer({ input: { shared_memory_key: text("/secret") } });
    const frame = house.executors[0]!.received.at(-1)!;
    expect(fromBinary(ModelInferRequestSchema, frame.body).inputs[0]!.parameters).toEqual({});
  });

  it.each<[string, Parameters<typeof infer>[0], Code, string]>([
    [
      "a region nobody registered",
      { input: { shared_memory_region: text("out"), shared_memory_byte_size: whole(1n) } },
      Code.NOT_FOUND,
      "Unable to find system shared memory region: 'out'",
    ],
    [
      "a region without a size",
      { input: { shared_memory_region: text("in") } },
      Code.INVALID_ARGUMENT,
      "input 'pixels' has 'shared_memory_region' without 'shared_memory_byte_size'",
    ],
    [
      "a size without a region",
      { output: { shared_memory_byte_size: whole(1n) } },
      Code.INVALID_ARGUMENT,
      "output 'scores' has 'shared_memory_byte_size' without 'shared_memory_region'",
    ],
    [
      "more than the region has",
      { input: { shared_memory_region: text("in"), shared_memory_byte_size: whole(33n) } },
      Code.INVALID_ARGUMENT,
      "takes 33 bytes at 0 of shared memory region 'in', which has 32",
    ],
    [
      "a negative offset",
      {
        input: {
          shared_memory_region: text("in"),
          shared_memory_offset: whole(-1n),
          shared_memory_byte_size: whole(1n),
        },
      },
      Code.INVALID_ARGUMENT,
      "'shared_memory_offset' of -1",
    ],
    [
      "classes in shared memory",
      {
        output: {
          classification: whole(1n),
          shared_memory_region: text("in"),
          shared_memory_byte_size: whole(8n),
        },
      },
      Code.INVALID_ARGUMENT,
      "asks for classification in shared memory",
    ],
    [
      "a number of classes in words",
      { output: { classification: text("three") } },
      Code.INVALID_ARGUMENT,
      "has 'classification' as string_param; allowed: int64_param",
    ],
    [
      "a uint64 of the caller's own",
      { more: { parameters: { mine: unsigned(1n) } } },
      Code.INVALID_ARGUMENT,
      "parameter 'mine' is a uint64_param",
    ],
    [
      "a reserved name",
      { more: { parameters: { triton_mood: whole(1n) } } },
      Code.INVALID_ARGUMENT,
      "triton_mood is reserved",
    ],
    [
      "a sequence flag that is none",
      { more: { parameters: { sequence_start: whole(1n) } } },
      Code.INVALID_ARGUMENT,
      "sequence_start is 1; allowed: boolean",
    ],
  ])("are refused: %s", async (_what, o, code, sentence) => {
    const error = await refusalOf(infer(o));
    expect(error.code).toBe(code);
    expect(error.message).toContain(sentence);
  });

  it("ignores sequences, as Triton does for a model without state", async () => {
    const parameters = {
      sequence_id: whole(7n),
      sequence_start: { parameterChoice: { case: "boolParam", value: true } },
    };
    expect((await infer({ more: { parameters } })).outputs).toHaveLength(1);
  });
});

describe("system shared memory regions", () => {
  let house: House;
  beforeAll(async () => {
    writeFileSync(path, Buffer.alloc(64));
    house = await startHouse({});
  });
  afterAll(async () => {
    await house.stop();
    rmSync(path);
  });
  const names = async (name = "") =>
    Object.keys((await house.inference.systemSharedMemoryStatus({ name })).regions);

  it("are registered, shown, and unregistered one by one or all at once", async () => {
    for (const name of ["a", "b", "c"])
      await house.inference.systemSharedMemoryRegister({ name, key, byteSize: 64n });
    expect(await house.inference.systemSharedMemoryStatus({ name: "a" })).toMatchObject({
      regions: { a: { name: "a", key, offset: 0n, byteSize: 64n } },
    });
    await house.inference.systemSharedMemoryUnregister({ name: "b" });
    await house.inference.systemSharedMemoryUnregister({ name: "never-registered" });
    expect(await names()).toEqual(["a", "c"]);
    await house.inference.systemSharedMemoryUnregister({ name: "" });
    expect(await names()).toEqual([]);
  });

  it("are refused with Triton's codes", async () => {
    const register = (o: { name?: string; key?: string; offset?: bigint; byteSize?: bigint }) =>
      refusalOf(house.inference.systemSharedMemoryRegister({ name: "r", key, byteSize: 64n, ...o }));
    await house.inference.systemSharedMemoryRegister({ name: "r", key, byteSize: 64n });
    expect((await register({})).code).toBe(Code.ALREADY_EXISTS);
    expect((await register({ name: "s", key: "/infaas-nowhere" })).code).toBe(Code.INVALID_ARGUMENT);
    expect((await register({ name: "s", key: "../../etc/passwd" })).code).toBe(Code.INVALID_ARGUMENT);
    expect((await register({ name: "s", offset: 1n })).message).toContain("64 bytes at 1 of");
    expect((await register({ name: "" })).code).toBe(Code.INVALID_ARGUMENT);
    expect((await refusalOf(names("s"))).code).toBe(Code.NOT_FOUND);
  });

  it("of CUDA need a device: none is listed, registering one is INVALID_ARGUMENT, unregistering nothing is fine", async () => {
    const { inference } = house;
    expect((await inference.cudaSharedMemoryStatus({})).regions).toEqual({});
    const error = await refusalOf(inference.cudaSharedMemoryRegister({ name: "g", byteSize: 1n }));
    expect([error.code, error.message]).toEqual([
      Code.INVALID_ARGUMENT,
      expect.stringContaining("there is no GPU"),
    ]);
    await inference.cudaSharedMemoryUnregister({});
  });
});
