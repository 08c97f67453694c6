import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ModelInferResponseSchema } from "@infaas/api";
import { ServiceError } from "@infaas/runtime";
import { JSON_OUTPUTS, type OutputForm } from "./infer-request";
import { JSON_ELEMENTS_MAX, writeInferResponse } from "./infer-response";

function written(init: MessageInitShape<typeof ModelInferResponseSchema>, form: OutputForm = JSON_OUTPUTS) {
  const message = toBinary(ModelInferResponseSchema, create(ModelInferResponseSchema, init));
  const { parts } = writeInferResponse(message, form);
  return JSON.parse(Buffer.from(parts[0] ?? []).toString());
}

describe("writeInferResponse", () => {
  it("says where an output was put in shared memory, and writes no data of it", () => {
    const place = { shared_memory_region: "out", shared_memory_byte_size: 8 };
    const form = { ...JSON_OUTPUTS, sharedMemory: (output: string) => (output === "a" ? place : null) };
    const outputs = ["a", "b"].map((name) => ({ name, datatype: "INT8", shape: [1n] }));
    const { outputs: shown } = written(
      { modelName: "m", outputs, rawOutputContents: [new Uint8Array(), new Uint8Array([7])] },
      form,
    );
    expect(shown).toEqual([
      { name: "a", datatype: "INT8", shape: [1], parameters: place },
      { name: "b", datatype: "INT8", shape: [1], data: [7] },
    ]);
  });

  it("leaves an empty id out, and writes parameters as plain values", () => {
    const parameters = {
      batch_size: { parameterChoice: { case: "int64Param", value: 3n } },
      cold: { parameterChoice: { case: "boolParam", value: false } },
    } as const;
    expect(written({ modelName: "m", modelVersion: "1", parameters })).toEqual({
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
  ] as const)("refuses %s and points to binary data", (_what, datatype, size, raw, sentence) => {
    const outputs = [{ name: "x", datatype, shape: [BigInt(size)] }];
    const write = () => written({ outputs, rawOutputContents: [new Uint8Array(raw)] });
    expect(write).toThrow(ServiceError);
    expect(write).toThrow(sentence);
  });
});
