import type { MessageInitShape } from "@bufbuild/protobuf";
import type { InferTensorContentsSchema } from "../gen/inference/grpc_service_pb";

/** Tensor datatypes of the Open Inference Protocol, by their names on the wire. BF16 is Triton's addition. */
export type DataType =
  | "BOOL"
  | "UINT8"
  | "UINT16"
  | "UINT32"
  | "UINT64"
  | "INT8"
  | "INT16"
  | "INT32"
  | "INT64"
  | "FP16"
  | "FP32"
  | "FP64"
  | "BF16"
  | "BYTES";

const elementBytes: Readonly<Record<DataType, number | null>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BF16: 2,
  BYTES: null,
};

/** Something read, or one sentence on what came and what is allowed. */
export type Encoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: string };

/** Typed elements as the protocol carries them. */
export type TypedContents = MessageInitShape<typeof InferTensorContentsSchema>;

/** Returns whether this is the name of a datatype. */
export function isDataType(name: string): name is DataType {
  return Object.hasOwn(elementBytes, name);
}

/** Returns the bytes of one element; null for BYTES, whose elements differ, and for a name that is none. */
export function datatypeBytes(d: DataType): number | null {
  return elementBytes[d] ?? null;
}

/** Returns how many elements a shape holds: 1 for no dimensions, negative or NaN when a dimension is. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const dim of shape) count *= dim;
  return count;
}

/** Which list of the typed form carries a datatype; FP16 and BF16 have none. */
const listOf = {
  BOOL: "boolContents",
  INT8: "intContents",
  INT16: "intContents",
  INT32: "intContents",
  INT64: "int64Contents",
  UINT8: "uintContents",
  UINT16: "uintContents",
  UINT32: "uintContents",
  UINT64: "uint64Contents",
  FP32: "fp32Contents",
  FP64: "fp64Contents",
  BYTES: "bytesContents",
} as const satisfies Partial<Record<DataType, keyof TypedContents>>;
const lists = [...new Set(Object.values(listOf))];

/**
 * Returns the raw form (little-endian, row-major) of typed contents. A fault for FP16 and BF16, which have no
 * typed form, and for elements in another list than the datatype's.
 */
export function encodeTyped(datatype: string, contents: TypedContents): Encoded<Uint8Array> {
  const stray = lists.find((list) => list !== listNameOf(datatype) && (contents[list]?.length ?? 0) > 0);
  if (stray !== undefined && hasTypedForm(datatype)) {
    return {
      ok: false,
      fault: `elements came in ${snake(stray)}, ${datatype} takes ${snake(listOf[datatype])}`,
    };
  }
  switch (datatype) {
    case "BOOL":
      return encoded(Uint8Array.from(contents.boolContents ?? [], Number));
    case "INT8":
      return ranged(datatype, contents.intContents, -(2 ** 7), 2 ** 7 - 1, (v) => Int8Array.from(v));
    case "INT16":
      return ranged(datatype, contents.intContents, -(2 ** 15), 2 ** 15 - 1, (v) => Int16Array.from(v));
    case "INT32":
      return encoded(Int32Array.from(contents.intContents ?? []));
    case "INT64":
      return encoded(BigInt64Array.from(contents.int64Contents ?? []));
    case "UINT8":
      return ranged(datatype, contents.uintContents, 0, 2 ** 8 - 1, (v) => Uint8Array.from(v));
    case "UINT16":
      return ranged(datatype, contents.uintContents, 0, 2 ** 16 - 1, (v) => Uint16Array.from(v));
    case "UINT32":
      return encoded(Uint32Array.from(contents.uintContents ?? []));
    case "UINT64":
      return encoded(BigUint64Array.from(contents.uint64Contents ?? []));
    case "FP32":
      return encoded(Float32Array.from(contents.fp32Contents ?? []));
    case "FP64":
      return encoded(Float64Array.from(contents.fp64Contents ?? []));
    case "BYTES":
      return { ok: true, value: encodeBytes(contents.bytesContents ?? []) };
    default:
      return { ok: false, fault: `datatype ${datatype} has no typed contents; send raw_input_contents` };
  }
}

/** Returns raw bytes as typed contents. A fault when they are no whole number of elements. */
export function decodeRaw(datatype: string, raw: Uint8Array): Encoded<TypedContents> {
  const size = isDataType(datatype) ? elementBytes[datatype] : null;
  if (size !== null && raw.byteLength % size !== 0) {
    return {
      ok: false,
      fault: `${raw.byteLength} bytes are no whole number of ${datatype} elements of ${size}`,
    };
  }
  const buffer = new Uint8Array(raw).buffer;
  switch (datatype) {
    case "BOOL":
      return { ok: true, value: { boolContents: Array.from(raw, (v) => v !== 0) } };
    case "INT8":
      return { ok: true, value: { intContents: [...new Int8Array(buffer)] } };
    case "INT16":
      return { ok: true, value: { intContents: [...new Int16Array(buffer)] } };
    case "INT32":
      return { ok: true, value: { intContents: [...new Int32Array(buffer)] } };
    case "INT64":
      return { ok: true, value: { int64Contents: [...new BigInt64Array(buffer)] } };
    case "UINT8":
      return { ok: true, value: { uintContents: [...raw] } };
    case "UINT16":
      return { ok: true, value: { uintContents: [...new Uint16Array(buffer)] } };
    case "UINT32":
      return { ok: true, value: { uintContents: [...new Uint32Array(buffer)] } };
    case "UINT64":
      return { ok: true, value: { uint64Contents: [...new BigUint64Array(buffer)] } };
    case "FP32":
      return { ok: true, value: { fp32Contents: [...new Float32Array(buffer)] } };
    case "FP64":
      return { ok: true, value: { fp64Contents: [...new Float64Array(buffer)] } };
    case "BYTES": {
      const elements = decodeBytes(raw);
      return elements.ok ? { ok: true, value: { bytesContents: elements.value } } : elements;
    }
    default:
      return { ok: false, fault: `datatype ${datatype} has no typed contents` };
  }
}

function hasTypedForm(datatype: string): datatype is keyof typeof listOf {
  return Object.hasOwn(listOf, datatype);
}

function listNameOf(datatype: string): keyof TypedContents | null {
  return hasTypedForm(datatype) ? listOf[datatype] : null;
}

/** `fp32Contents` as the protocol writes it. */
function snake(list: string): string {
  return list.replace("Contents", "_contents");
}

/** Returns the raw form of BYTES elements: each with its length as a u32 before it. */
export function encodeBytes(elements: readonly Uint8Array[]): Uint8Array {
  const total = elements.reduce((sum, element) => sum + 4 + element.byteLength, 0);
  const raw = Buffer.alloc(total);
  let at = 0;
  for (const element of elements) {
    at = raw.writeUInt32LE(element.byteLength, at);
    raw.set(element, at);
    at += element.byteLength;
  }
  return raw;
}

/** Returns the elements of raw BYTES, copied. A fault when a length goes beyond the end, or there are more than `most`. */
export function decodeBytes(
  raw: Uint8Array,
  most = Number.POSITIVE_INFINITY,
): Encoded<Uint8Array<ArrayBuffer>[]> {
  const elements: Uint8Array<ArrayBuffer>[] = [];
  const visit = (from: number, to: number) => elements.push(new Uint8Array(raw.subarray(from, to)));
  const walked = walkBytes(raw, visit, most);
  return walked.ok ? { ok: true, value: elements } : walked;
}

/**
 * Returns how many elements raw BYTES have. A fault when a length goes beyond the end. O(elements), copies
 * nothing.
 */
export function countBytes(raw: Uint8Array): Encoded<number> {
  return walkBytes(raw, () => undefined, Number.POSITIVE_INFINITY);
}

function walkBytes(
  raw: Uint8Array,
  visit: (from: number, to: number) => void,
  most: number,
): Encoded<number> {
  const bytes = Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength);
  let count = 0;
  let at = 0;
  while (at < bytes.length) {
    if (count === most) return { ok: false, fault: `more than ${most} BYTES elements were sent` };
    const left = bytes.length - at - 4;
    const length = left < 0 ? 0 : bytes.readUInt32LE(at);
    if (left < 0 || length > left)
      return { ok: false, fault: `BYTES element ${count} goes beyond the ${bytes.length} bytes sent` };
    visit(at + 4, at + 4 + length);
    at += 4 + length;
    count += 1;
  }
  return { ok: true, value: count };
}

function encoded(view: NodeJS.TypedArray): Encoded<Uint8Array> {
  return { ok: true, value: new Uint8Array(view.buffer, view.byteOffset, view.byteLength) };
}

function ranged(
  datatype: string,
  values: readonly number[] | undefined,
  min: number,
  max: number,
  pack: (values: readonly number[]) => NodeJS.TypedArray,
): Encoded<Uint8Array> {
  const list = values ?? [];
  const outside = list.find((v) => v < min || v > max);
  if (outside !== undefined) {
    return { ok: false, fault: `${outside} is no ${datatype}; allowed are ${min} to ${max}` };
  }
  return encoded(pack(list));
}
