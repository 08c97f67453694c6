import { create } from "@bufbuild/protobuf";
import { type TensorProto, TensorProtoSchema } from "@infaas/api";

/** ONNX element type numbers of the tensors read and written here. */
export const ElementType = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;

/** Values of a float32 constant, row-major, or null when it is of another type or its data is incomplete. */
export function floatsOf(tensor: TensorProto): Float32Array | null {
  if (tensor.dataType !== ElementType.float) return null;
  const count = dimsOf(tensor).reduce((product, size) => product * size, 1);
  const raw = tensor.rawData;
  if (!raw?.length) return tensor.floatData.length === count ? Float32Array.from(tensor.floatData) : null;
  if (raw.length !== count * Float32Array.BYTES_PER_ELEMENT) return null;
  // A copy, because the message's bytes need not be aligned to four.
  return new Float32Array(new Uint8Array(raw).buffer);
}

/** Sizes of a constant's axes. */
export function dimsOf(tensor: TensorProto): number[] {
  return tensor.dims.map(Number);
}

/** A named constant over `values`; their class decides the element type. */
export function constantTensor(
  name: string,
  dims: readonly number[],
  values: Float32Array | Int32Array | Int8Array | Uint8Array,
): TensorProto {
  const rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: elementTypeOf(values),
    rawData,
  });
}

function elementTypeOf(values: Float32Array | Int32Array | Int8Array | Uint8Array): number {
  if (values instanceof Float32Array) return ElementType.float;
  if (values instanceof Int32Array) return ElementType.int32;
  return values instanceof Int8Array ? ElementType.int8 : ElementType.uint8;
}
