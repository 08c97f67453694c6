/** A tensor as it travels: raw little-endian row-major bytes with a name, an Open Inference datatype and a shape. */
export interface Tensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

type NumberArrayType =
  | Uint8ArrayConstructor
  | Int8ArrayConstructor
  | Uint16ArrayConstructor
  | Int16ArrayConstructor
  | Uint32ArrayConstructor
  | Int32ArrayConstructor
  | Float32ArrayConstructor
  | Float64ArrayConstructor;

const numberArrays: Readonly<Record<string, NumberArrayType>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  INT8: Int8Array,
  UINT16: Uint16Array,
  INT16: Int16Array,
  UINT32: Uint32Array,
  INT32: Int32Array,
  FP32: Float32Array,
  FP64: Float64Array,
};

/**
 * A tensor from plain numbers. INT64 and UINT64 take integers up to 2^53.
 * Throws RangeError when the count differs from the shape or the datatype has no number form.
 */
export function tensorFromNumbers(
  name: string,
  datatype: string,
  shape: readonly number[],
  values: readonly number[],
): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  if (values.length !== count) {
    throw new RangeError(
      `tensor '${name}' of shape [${shape}] needs ${count} values, ${values.length} were given`,
    );
  }
  return { name, datatype, shape, bytes: encode(name, datatype, values) };
}

/** The tensor's elements as numbers; 64-bit integers beyond 2^53 lose precision. */
export function numbersOf(tensor: Tensor): number[] {
  // Copied so that the view is aligned whatever message the bytes came in; a Buffer's own slice would share its pool.
  const buffer = new Uint8Array(tensor.bytes).buffer;
  if (tensor.datatype === "INT64") return Array.from(new BigInt64Array(buffer), Number);
  if (tensor.datatype === "UINT64") return Array.from(new BigUint64Array(buffer), Number);
  const type = numberArrays[tensor.datatype];
  if (type === undefined) throw new RangeError(noNumberForm(tensor.name, tensor.datatype));
  return Array.from(new type(buffer));
}

function encode(name: string, datatype: string, values: readonly number[]): Uint8Array {
  if (datatype === "INT64") return bytesOf(BigInt64Array.from(values, BigInt));
  if (datatype === "UINT64") return bytesOf(BigUint64Array.from(values, BigInt));
  const type = numberArrays[datatype];
  if (type === undefined) throw new RangeError(noNumberForm(name, datatype));
  return bytesOf(type.from(values));
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function noNumberForm(name: string, datatype: string): string {
  return `tensor '${name}' is ${datatype}, which has no number form here: give its raw bytes`;
}
