import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { TensorProtoSchema } from "../gen/onnx/onnx_pb";
import { encodeBytes } from "../tensors/tensor";
import { decodeTensorProto, encodeTensorProto } from "./tensor-proto";

const file = (tensor: MessageInitShape<typeof TensorProtoSchema>) =>
  toBinary(TensorProtoSchema, create(TensorProtoSchema, tensor));
const bytesOf = (array: ArrayBufferView) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

describe("encodeTensorProto and decodeTensorProto", () => {
  it.each([
    ["FP32", bytesOf(Float32Array.of(1.5, -2))],
    ["BF16", bytesOf(Uint16Array.of(0x3f80, 0x4000))],
    ["UINT64", bytesOf(BigUint64Array.of(2n ** 64n - 1n, 0n))],
    ["BYTES", encodeBytes([Buffer.from("zero\0"), Buffer.from("")])],
  ])("give back %s", (datatype, bytes) => {
    const tensor = { name: "x", datatype, shape: [1, 2], bytes };
    const encoded = encodeTensorProto(tensor);
    const decoded = decodeTensorProto(encoded.ok ? encoded.value : new Uint8Array());
    expect(decoded).toMatchObject({ ok: true, value: { name: "x", datatype, shape: [1, 2] } });
    expect(decoded.ok && Buffer.from(decoded.value.bytes).equals(bytes)).toBe(true);
  });

  it("refuse an unknown datatype", () => {
    const tensor = { name: "x", datatype: "FP8", shape: [0], bytes: new Uint8Array() };
    expect(encodeTensorProto(tensor)).toEqual({ ok: false, fault: "datatype 'FP8' is unknown" });
  });
});

describe("decodeTensorProto", () => {
  it.each<[string, number, object, Uint8Array]>([
    ["floatData", 1, { floatData: [1, 2] }, bytesOf(Float32Array.of(1, 2))],
    ["doubleData", 11, { doubleData: [1, 2] }, bytesOf(Float64Array.of(1, 2))],
    ["int32Data of INT8", 3, { int32Data: [-1, 2] }, bytesOf(Int8Array.of(-1, 2))],
    ["int32Data of FP16", 10, { int32Data: [0x3c00, 0] }, bytesOf(Uint16Array.of(0x3c00, 0))],
    ["int32Data of BOOL", 9, { int32Data: [1, 0] }, Uint8Array.of(1, 0)],
    ["int64Data", 7, { int64Data: [-1n, 2n] }, bytesOf(BigInt64Array.of(-1n, 2n))],
    [
      "uint64Data of UINT32",
      12,
      { uint64Data: [2n ** 32n - 1n, 0n] },
      bytesOf(Uint32Array.of(2 ** 32 - 1, 0)),
    ],
  ])("reads %s", (_list, dataType, lists, bytes) => {
    const decoded = decodeTensorProto(file({ dims: [2n], dataType, ...lists }));
    expect(decoded.ok && Buffer.from(decoded.value.bytes).equals(bytes)).toBe(true);
  });

  it.each<[string, Uint8Array, string]>([
    ["what is no message", Buffer.from("no tensor"), "it is no TensorProto"],
    [
      "a datatype of none",
      file({ dims: [1n], dataType: 14 }),
      "it is no TensorProto of a datatype that is served",
    ],
    [
      "too few elements",
      file({ dims: [3n], dataType: 1, floatData: [1] }),
      "it holds 1 elements of FP32, its shape is [3]",
    ],
    [
      "half an element",
      file({ dims: [1n], dataType: 1, rawData: Uint8Array.of(1) }),
      "it holds 0.25 elements",
    ],
    ["a negative axis", file({ dims: [-1n], dataType: 1 }), "its shape is [-1]"],
    [
      "data in another file",
      file({ dims: [1n], dataType: 1, dataLocation: 1 }),
      "its data is in another file",
    ],
  ])("refuses %s", (_what, content, sentence) => {
    expect(decodeTensorProto(content)).toEqual({ ok: false, fault: expect.stringContaining(sentence) });
  });
});
