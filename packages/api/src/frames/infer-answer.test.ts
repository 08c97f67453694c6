import { fromBinary } from "@bufbuild/protobuf";
import { ModelInferResponseSchema, ModelStreamInferResponseSchema } from "../gen/inference/grpc_service_pb";
import { encodeAnswerBody, encodeAnswerHead, encodeStreamPrefix } from "./infer-answer";

describe("encodeAnswerHead and encodeAnswerBody", () => {
  it("make one ModelInferResponse when set side by side, with one raw entry per output", () => {
    const scores = new Uint8Array(5_000).fill(3);
    const outputs = [
      { name: "scores", datatype: "FP32", shape: [1, 1250], bytes: scores },
      { name: "none", datatype: "INT64", shape: [0], bytes: new Uint8Array() },
    ];
    const head = encodeAnswerHead({
      modelName: "digit-classification",
      modelVersion: "1",
      id: "réq-7",
      parameters: { variant: "v", queue_ms: 0, total_ms: 1.5, batch_size: 8n, downgraded: false, cold: true },
    });
    const whole = fromBinary(ModelInferResponseSchema, Buffer.concat([head, ...encodeAnswerBody(outputs)]));
    expect(whole).toMatchObject({ modelName: "digit-classification", modelVersion: "1", id: "réq-7" });
    const parameters = Object.fromEntries(
      Object.entries(whole.parameters).map(([key, p]) => [key, p.parameterChoice]),
    );
    expect(parameters).toEqual({
      variant: { case: "stringParam", value: "v" },
      queue_ms: { case: "doubleParam", value: 0 },
      total_ms: { case: "doubleParam", value: 1.5 },
      batch_size: { case: "int64Param", value: 8n },
      downgraded: { case: "boolParam", value: false },
      cold: { case: "boolParam", value: true },
    });
    expect(whole.outputs.map((o) => [o.name, o.datatype, o.shape])).toEqual([
      ["scores", "FP32", [1n, 1250n]],
      ["none", "INT64", [0n]],
    ]);
    expect(whole.rawOutputContents.map((raw) => raw.length)).toEqual([5_000, 0]);
  });

  it("hold texts of any length, empty ones, and negative integers", () => {
    const parameters = { long: "é".repeat(9_000), empty: "", negative: -5n };
    const head = encodeAnswerHead({ modelName: "m".repeat(200), modelVersion: "", id: "", parameters });
    const whole = fromBinary(ModelInferResponseSchema, head);
    expect(whole.modelName).toHaveLength(200);
    expect(whole.parameters.long?.parameterChoice.value).toBe(parameters.long);
    expect(whole.parameters.empty?.parameterChoice).toEqual({ case: "stringParam", value: "" });
    expect(whole.parameters.negative?.parameterChoice.value).toBe(-5n);
  });

  it("pass the outputs on without copying them", () => {
    const bytes = new Uint8Array(10);
    expect(encodeAnswerBody([{ name: "o", datatype: "UINT8", shape: [10], bytes }])).toContain(bytes);
  });
});

describe("encodeStreamPrefix", () => {
  it.each([3, 127, 128, 20_000])("makes an answer of about %i bytes a message of a stream", (length) => {
    const answer = encodeAnswerHead({
      modelName: "m".repeat(length),
      modelVersion: "",
      id: "",
      parameters: {},
    });
    const message = Buffer.concat([encodeStreamPrefix(answer.byteLength), answer]);
    const read = fromBinary(ModelStreamInferResponseSchema, message);
    expect(read.inferResponse?.modelName).toHaveLength(length);
    expect(read.errorMessage).toBe("");
  });
});
