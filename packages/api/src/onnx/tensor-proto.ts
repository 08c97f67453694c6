import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type TensorProto, TensorProtoSchema } from "../gen/onnx/onnx_pb";
import {
  type DataType,
  datatypeBytes,
  decodeBytes,
  type Encoded,
  elementCount,
  encodeBytes,
} from "../tensors/tensor";
import { datatypeOfElements, elementTypeOf } from "./element-types";

/** A tensor by name: raw bytes little-endian and row-major, BYTES each behind its length. */
export interface NamedTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** `TensorProto.data_location` of values that are in another file. */
const EXTERNAL = 1;

/** The bytes of a TensorProto of ONNX, as files of `test_data_set_0` hold one. A fault for unknown datatypes and broken BYTES. */
export function encodeTensorProto({ name, datatype, shape, bytes }: NamedTensor): Encoded<Uint8Array> {
  const dataType = elementTypeOf(datatype);
  if (dataType === undefined) return { ok: false, fault: `datatype '${datatype}' is unknown` };
  const head = { name, dataType, dims: shape.map(BigInt) };
  if (datatype !== "BYTES")
    return encoded(create(TensorProtoSchema, { ...head, rawData: new Uint8Array(bytes) }));
  const elements = decodeBytes(bytes);
  return elements.ok ? encoded(create(TensorProtoSchema, { ...head, stringData: elements.value })) : elements;
}

/** Reads the bytes of a TensorProto. A fault for what is none, or holds fewer or more elements than its shape. */
export function decodeTensorProto(
  content: Uint8Array,
): Encoded<NamedTensor & { readonly datatype: DataType }> {
  const tensor = parse(content);
  const datatype = datatypeOfElements(tensor?.dataType ?? 0);
  if (tensor === null || datatype === undefined)
    return { ok: false, fault: "it is no TensorProto of a datatype that is served" };
  if (tensor.dataLocation === EXTERNAL) return { ok: false, fault: "its data is in another file" };
  const shape = tensor.dims.map(Number);
  const bytes = tensor.rawData?.length ? tensor.rawData : typedBytes(tensor, datatype);
  const size = datatypeBytes(datatype);
  const found = size === null ? tensor.stringData.length : bytes.length / size;
  if (!shape.every((dim) => dim >= 0) || found !== elementCount(shape))
    return {
      ok: false,
      fault: `it holds ${found} elements of ${datatype}, its shape is [${shape.join(", ")}]`,
    };
  return { ok: true, value: { name: tensor.name ?? "", datatype, shape, bytes } };
}

function encoded(tensor: TensorProto): Encoded<Uint8Array> {
  return { ok: true, value: toBinary(TensorProtoSchema, tensor) };
}

function parse(content: Uint8Array): TensorProto | null {
  try {
    return fromBinary(TensorProtoSchema, content);
  } catch {
    return null;
  }
}

function typedBytes(tensor: TensorProto, datatype: DataType): Uint8Array {
  const { floatData, int32Data, int64Data, doubleData, uint64Data, stringData } = tensor;
  const arrays: Readonly<Record<DataType, () => ArrayBufferView>> = {
    FP32: () => Float32Array.from(floatData),
    FP64: () => Float64Array.from(doubleData),
    INT64: () => BigInt64Array.from(int64Data),
    UINT64: () => BigUint64Array.from(uint64Data),
    UINT32: () => Uint32Array.from(uint64Data, Number),
    INT32: () => Int32Array.from(int32Data),
    INT16: () => Int16Array.from(int32Data),
    UINT16: () => Uint16Array.from(int32Data),
    FP16: () => Uint16Array.from(int32Data),
    BF16: () => Uint16Array.from(int32Data),
    INT8: () => Int8Array.from(int32Data),
    UINT8: () => Uint8Array.from(int32Data),
    BOOL: () => Uint8Array.from(int32Data, (value) => (value === 0 ? 0 : 1)),
    BYTES: () => encodeBytes(stringData),
  };
  const { buffer, byteOffset, byteLength } = arrays[datatype]();
  return new Uint8Array(buffer, byteOffset, byteLength);
}
