import { Code } from "@infaas/runtime";
import { denseModel } from "../testing/dense-models";
import { decodeModel, encodeModel, opsetOf } from "./model-file";

/** `ModelProto.producer_name`, which our subset does not declare. */
const PRODUCER_NAME = Buffer.from([0x12, 3, ...Buffer.from("abc")]);

describe("decodeModel", () => {
  it("reads back what encodeModel wrote", () => {
    const model = denseModel([4, 3]);
    const back = decodeModel(encodeModel(model));
    expect(back.graph.node.map(({ opType }) => opType)).toEqual(["Gemm"]);
    expect(back.graph.initializer.map(({ name }) => name)).toEqual(["w0", "b0"]);
    expect(opsetOf(back)).toBe(17);
  });

  it("keeps fields it does not know", () => {
    const bytes = Buffer.concat([PRODUCER_NAME, encodeModel(denseModel([4, 3]))]);
    expect(Buffer.from(encodeModel(decodeModel(bytes))).includes(PRODUCER_NAME)).toBe(true);
  });

  it.each([
    ["bytes that are no protobuf", Buffer.from("this is no model at all")],
    ["nothing", Buffer.alloc(0)],
    ["half a file", Buffer.from(encodeModel(denseModel([4, 3]))).subarray(0, 60)],
  ])("refuses %s as an invalid argument", (_, bytes) => {
    expect(() => decodeModel(bytes)).toThrow(expect.objectContaining({ code: Code.INVALID_ARGUMENT }));
  });
});

describe("opsetOf", () => {
  it("reads ONNX's own operator set, under either of its names, and no other", () => {
    const model = denseModel([4, 3]);
    model.opsetImport = [];
    expect(opsetOf(model)).toBe(1);
    const named = decodeModel(encodeModel(denseModel([4, 3])));
    named.opsetImport[0]!.domain = "ai.onnx";
    expect(opsetOf(named)).toBe(17);
    named.opsetImport[0]!.domain = "com.microsoft";
    expect(opsetOf(named)).toBe(1);
  });
});
