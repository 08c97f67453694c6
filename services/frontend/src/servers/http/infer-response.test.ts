import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ModelInferResponseSchema } from "@infaas/api";
import { nextTurn, ServiceError } from "@infaas/runtime";
import { JSON_OUTPUTS, type OutputForm } from "./infer-request";
import { JSON_ELEMENTS_MAX, writeInferResponse } from "./infer-response";

async function written(
  init: MessageInitShape<typeof ModelInferResponseSchema>,
  form: OutputForm = JSON_OUTPUTS,
) {
  const message = toBinary(ModelInferResponseSchema, create(ModelInferResponseSchema, init));
  const { parts } = await writeInferResponse(message, form);
  return JSON.parse(Buffer.from(parts[0] ?? []).toString());
}

describe("writeInferResponse", () => {
  it("writes many elements while others have their turn", async () => {
    let turns = 0;
    let isDone = false;
    const others = (async () => {
      for (; !isDone; turns++) await nextTurn();
    })();
    const values = Float32Array.from({ length: 100_000 }, (_, i) => i / 4);
    const outputs = [{ name: "x", datatype: "FP32", shape: [100_000n] }];
    const rawOutputContents = [new Uint8Array(values.buffer)];
    expect((await written({ outputs, rawOutputContents })).outputs[0].data).toEqual([...values]);
    isDone = true;
    await others;
    expect(turns).toBeGreaterThan(2);
  });

  it("says where an output was put in shared memory, and writes no data of it", async () => {
    const place = { shared_memory_region: "out", shared_memory_byte_size: 8 };
    const form = { ...JSON_OUTPUTS, sharedMemory: (output: string) => (output === "a" ? place : null) };
    const outputs = ["a", "b"].map((name) => ({ name, datatype: "INT8", shape: [1n] }));
    const { outputs: shown } = await written(
      { modelName: "m", outputs, rawOutputContents: [new Uint8Array(), new Uint8Array([7])] },
      form,
    );
    expect(shown).toEqual([
      { name: "a", datatype: "INT8", shape: [1], parameters: place },
      { name: "b", datatype: "INT8", shape: [1], data: [7] },
    ]);
  });

  it("leaves an empty id out, and writes parameters as plain values", async () => {
    const parameters = {
      batch_size: { parameterChoice: { case: "int64Param", value: 3n } },
      cold: { parameterChoice: { case: "boolParam", value: false } },
    } as const;
    expect(await written({ modelName: "m", modelVersion: "1", parameters })).toEqual({
      model_name: "m",
      model_version: "1",
      parameters: { batch_size: 3, cold: false },
      outputs: [],
    });
  });

  it.each([
    [
      "BYTES that are no text",
      "BYTES",
      1,
      [1, 0, 0, 0, 0xff],
      "output 'x': BYTES hold what is no UTF-8 text",
    ],
    ["more elements than JSON is written for", "INT8", JSON_ELEMENTS_MAX + 1, [], "ask for binary_data"],
  ] as const)("refuses %s and points to binary data", async (_what, datatype, size, raw, sentence) => {
    const outputs = [{ name: "x", datatype, shape: [BigInt(size)] }];
    const write = () => written({ outputs, rawOutputContents: [new Uint8Array(raw)] });
    await expect(write()).rejects.toBeInstanceOf(ServiceError);
    await expect(write()).rejects.toThrow(sentence);
  });
});
