import { bfloatBits, bfloatValue, halfBits, halfValue } from "./half-float";
import {
  type DataType,
  datatypeBytes,
  decodeBytes,
  type Encoded,
  elementCount,
  encodeBytes,
  isDataType,
} from "./tensor";

/** Bytes of the length that stands before each element of BYTES. */
const LENGTH_BYTES = 4;
/** Most dimensions that nested data may have; what is nested deeper is no number. */
const RANK_MAX = 32;

/** Numbers JSON cannot write, as protobuf's JSON mapping spells them. */
const notFinite = new Map<unknown, number>([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/** How one datatype is read from JSON values and written as JSON text. */
interface JsonForm {
  /** Packs values, the first that is none of this datatype returned as its index instead. */
  pack(values: readonly unknown[]): Uint8Array | number;
  /** The elements of raw bytes as JSON text. */
  write(raw: Uint8Array): string[];
  readonly allowed: string;
}

/** A typed array as far as this file uses one. */
interface Elements<T> extends Iterable<T> {
  readonly buffer: ArrayBuffer;
  [index: number]: T;
}

interface ElementsType<T> {
  new (length: number): Elements<T>;
  new (buffer: ArrayBuffer): Elements<T>;
}

const forms: Readonly<Record<Exclude<DataType, "BYTES">, JsonForm>> = {
  BOOL: {
    ...form(Uint8Array, truth, String, "true, false, 1 or 0"),
    write: (raw) => Array.from(raw, (v) => (v === 0 ? "false" : "true")),
  },
  INT8: whole(Int8Array, -(2 ** 7), 2 ** 7 - 1),
  INT16: whole(Int16Array, -(2 ** 15), 2 ** 15 - 1),
  INT32: whole(Int32Array, -(2 ** 31), 2 ** 31 - 1),
  INT64: wide(BigInt64Array, -(2n ** 63n), 2n ** 63n - 1n),
  UINT8: whole(Uint8Array, 0, 2 ** 8 - 1),
  UINT16: whole(Uint16Array, 0, 2 ** 16 - 1),
  UINT32: whole(Uint32Array, 0, 2 ** 32 - 1),
  UINT64: wide(BigUint64Array, 0n, 2n ** 64n - 1n),
  FP16: real(Uint16Array, 65_504, halfBits, halfValue),
  BF16: real(Uint16Array, 3.3895313892515355e38, bfloatBits, bfloatValue),
  FP32: real(Float32Array, 3.4028234663852886e38, Number, Number),
  FP64: real(Float64Array, Number.MAX_VALUE, Number, Number),
};

/**
 * Returns the raw form (little-endian, row-major) of a tensor's `data` in the protocol's JSON: nested as the shape, or flat.
 * 64-bit integers may be text, and so may NaN, Infinity and -Infinity; BYTES are text, stored as UTF-8. A fault names the
 * first value that is none of the datatype, or both counts. O(elements); `shape` is trusted to hold whole numbers only.
 */
export function encodeJsonData(
  datatype: string,
  shape: readonly number[],
  data: readonly unknown[],
): Encoded<Uint8Array> {
  if (!isDataType(datatype)) return { ok: false, fault: `datatype '${datatype}' is unknown` };
  const flat = data.some(Array.isArray) ? data.flat(RANK_MAX) : data;
  const miscounted = countFault(flat.length, shape);
  if (miscounted !== null) return { ok: false, fault: miscounted };
  if (datatype === "BYTES") return encodeTexts(flat);
  const packed = forms[datatype].pack(flat);
  if (typeof packed === "number") return wrongElement(datatype, packed, flat[packed]);
  return { ok: true, value: packed };
}

/** The fault of an element that is none of a datatype. */
export function wrongElement(
  datatype: DataType,
  index: number,
  value: unknown,
): { readonly ok: false; readonly fault: string } {
  const allowed = datatype === "BYTES" ? "text" : forms[datatype].allowed;
  return { ok: false, fault: `element ${index} is ${shown(value)}; allowed for ${datatype}: ${allowed}` };
}

/** The fault of data whose shape takes another number of elements; null: it takes as many. */
export function countFault(count: number, shape: readonly number[]): string | null {
  const wanted = elementCount(shape);
  return count === wanted ? null : `data has ${count} elements, shape [${shape.join(", ")}] takes ${wanted}`;
}

/** Most elements of one piece of JSON text: about two milliseconds of writing. */
const PIECE_ELEMENTS_MAX = 16_384;
/** Bytes of BYTES elements beyond which a piece takes no further element. */
const PIECE_BYTES_MAX = 262_144;

/**
 * Yields raw bytes as the text of one flat JSON array, in pieces between which others who share the thread may have their turn.
 * A fault ends it: an unknown datatype, bytes that are no whole elements, BYTES that are no UTF-8.
 */
export function* jsonPieces(datatype: string, raw: Uint8Array): Generator<Encoded<string>> {
  if (!isDataType(datatype)) {
    yield { ok: false, fault: `datatype '${datatype}' is unknown` };
    return;
  }
  let opening = "[";
  for (let from = 0; from < raw.byteLength; ) {
    const end = endOfPiece(datatype, raw, from);
    const texts = textsOf(datatype, raw.subarray(from, end));
    if (!texts.ok) {
      yield texts;
      return;
    }
    yield { ok: true, value: `${opening}${texts.value.join(",")}` };
    opening = ",";
    from = end;
  }
  yield { ok: true, value: opening === "[" ? "[]" : "]" };
}

function endOfPiece(datatype: DataType, raw: Uint8Array, from: number): number {
  const elementBytes = datatypeBytes(datatype);
  if (elementBytes !== null) return Math.min(raw.byteLength, from + PIECE_ELEMENTS_MAX * elementBytes);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  let end = from;
  for (let count = 0; count < PIECE_ELEMENTS_MAX && end < from + PIECE_BYTES_MAX; count += 1) {
    if (end + LENGTH_BYTES > raw.byteLength) return raw.byteLength;
    end += LENGTH_BYTES + view.getUint32(end, true);
  }
  return Math.min(raw.byteLength, end);
}

function textsOf(datatype: DataType, raw: Uint8Array): Encoded<readonly string[]> {
  if (datatype === "BYTES") return decodeTexts(raw);
  const rest = raw.byteLength % (datatypeBytes(datatype) ?? 1);
  if (rest === 0) return { ok: true, value: forms[datatype].write(raw) };
  return { ok: false, fault: `${rest} bytes are left behind the last whole element of ${datatype}` };
}

function encodeTexts(values: readonly unknown[]): Encoded<Uint8Array> {
  const wrong = values.findIndex((value) => typeof value !== "string");
  if (wrong >= 0) return wrongElement("BYTES", wrong, values[wrong]);
  return { ok: true, value: encodeBytes(values.map((value) => Buffer.from(String(value)))) };
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeTexts(raw: Uint8Array): Encoded<readonly string[]> {
  const elements = decodeBytes(raw);
  if (!elements.ok) return elements;
  try {
    return { ok: true, value: elements.value.map((element) => JSON.stringify(utf8.decode(element))) };
  } catch {
    return { ok: false, fault: "BYTES hold what is no UTF-8 text; ask for it as binary data" };
  }
}

function form<T>(
  Type: ElementsType<T>,
  read: (value: unknown) => T | null,
  write: (value: T) => string,
  allowed: string,
): JsonForm {
  return {
    allowed,
    pack(values) {
      const packed = new Type(values.length);
      for (let i = 0; i < values.length; i += 1) {
        const value = read(values[i]);
        if (value === null) return i;
        packed[i] = value;
      }
      return new Uint8Array(packed.buffer);
    },
    write: (raw) => Array.from(new Type(new Uint8Array(raw).buffer), write),
  };
}

function whole(Type: ElementsType<number>, min: number, max: number): JsonForm {
  const read = (value: unknown) => (Number.isInteger(value) ? within(value as number, min, max) : null);
  return form(Type, read, String, `whole numbers from ${min} to ${max}`);
}

/** 64-bit integers: a JSON number where it is exact, else text. */
function wide(Type: ElementsType<bigint>, min: bigint, max: bigint): JsonForm {
  const read = (value: unknown) => {
    if (Number.isSafeInteger(value)) return within(BigInt(value as number), min, max);
    return typeof value === "string" && /^-?\d{1,20}$/.test(value) ? within(BigInt(value), min, max) : null;
  };
  return form(Type, read, String, `whole numbers from ${min} to ${max}`);
}

/** Floats. A finite number beyond the largest of the datatype is refused, not turned into an infinity. */
function real(
  Type: ElementsType<number>,
  max: number,
  bitsOf: (value: number) => number,
  numberOf: (bits: number) => number,
): JsonForm {
  const read = (value: unknown) => {
    if (typeof value === "number") return Math.abs(value) <= max ? bitsOf(value) : null;
    const odd = notFinite.get(value);
    return odd === undefined ? null : bitsOf(odd);
  };
  const write = (bits: number) => {
    const value = numberOf(bits);
    if (!Number.isFinite(value)) return `"${value}"`;
    return Object.is(value, -0) ? "-0.0" : String(value);
  };
  return form(Type, read, write, `numbers up to ${max}, "NaN", "Infinity", "-Infinity"`);
}

function truth(value: unknown): number | null {
  if (value === true || value === 1) return 1;
  return value === false || value === 0 ? 0 : null;
}

/** A JSON value as a refusal shows it; nothing nested, which may be without end. */
function shown(value: unknown): string {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  return JSON.stringify(value).slice(0, 40);
}

function within<T extends number | bigint>(value: T, min: T, max: T): T | null {
  return value >= min && value <= max ? value : null;
}
