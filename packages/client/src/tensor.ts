import { bfloatBits, bfloatValue, decodeBytes, encodeBytes, halfBits, halfValue } from "@infaas/api";

/**
 * A tensor as it travels: raw little-endian row-major bytes with a name, an Open Inference datatype and a
 * shape.
 */
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
  expectCount(name, shape, values.length);
  return { name, datatype, shape, bytes: encode(name, datatype, values) };
}

/** A BYTES tensor from texts, as UTF-8. Throws RangeError when the count differs from the shape. */
export function tensorFromTexts(name: string, shape: readonly number[], texts: readonly string[]): Tensor {
  expectCount(name, shape, texts.length);
  const bytes = encodeBytes(texts.map((text) => Buffer.from(text)));
  return { name, datatype: "BYTES", shape, bytes };
}

/** The elements of a BYTES tensor as texts. Throws RangeError when they are no whole strings. */
export function textsOf(tensor: Tensor): string[] {
  const elements = decodeBytes(tensor.bytes);
  if (!elements.ok) throw new RangeError(`tensor '${tensor.name}': ${elements.fault}`);
  return elements.value.map((element) => Buffer.from(element).toString());
}

function expectCount(name: string, shape: readonly number[], found: number): void {
  const count = shape.reduce((product, size) => product * size, 1);
  if (found === count) return;
  throw new RangeError(`tensor '${name}' of shape [${shape}] needs ${count} values, ${found} were given`);
}

/** The tensor's elements as numbers; 64-bit integers beyond 2^53 lose precision. */
export function numbersOf(tensor: Tensor): number[] {
  // Copied so that the view is aligned whatever message the bytes came in; a Buffer's own slice would share
  // its pool.
  const buffer = new Uint8Array(tensor.bytes).buffer;
  if (tensor.datatype === "INT64") return Array.from(new BigInt64Array(buffer), Number);
  if (tensor.datatype === "UINT64") return Array.from(new BigUint64Array(buffer), Number);
  if (tensor.datatype === "FP16") return Array.from(new Uint16Array(buffer), halfValue);
  if (tensor.datatype === "BF16") return Array.from(new Uint16Array(buffer), bfloatValue);
  const type = numberArrays[tensor.datatype];
  if (type === undefined) throw new RangeError(noNumberForm(tensor.name, tensor.datatype));
  return Array.from(new type(buffer));
}

function encode(name: string, datatype: string, values: readonly number[]): Uint8Array {
  if (datatype === "INT64") return bytesOf(BigInt64Array.from(values, BigInt));
  if (datatype === "UINT64") return bytesOf(BigUint64Array.from(values, BigInt));
  if (datatype === "FP16") return bytesOf(Uint16Array.from(values, halfBits));
  if (datatype === "BF16") return bytesOf(Uint16Array.from(values, bfloatBits));
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
