import { type DataType, type Encoded, elementCount, encodeBytes } from "@infaas/api";
import { EXAMPLE_UNPACKED_BYTES_MAX, type FileTensor } from "./example-tensor";

/** NEP 1: `\x93NUMPY`, a version, the length of the header, and a header that is a Python dictionary. */
const MAGIC = Buffer.from("\x93NUMPY", "latin1");
const VERSION_AT = 6;
const HEADER_LENGTH_AT = 8;
/** Bytes of a length before an element of BYTES. */
const LENGTH_BYTES = 4;
/** Bytes of one character of dtype U. */
const CHARACTER_BYTES = 4;

/** Datatypes by NumPy's kind and size in bytes. */
const NUMBERS: Readonly<Record<string, DataType>> = {
  b1: "BOOL",
  i1: "INT8",
  i2: "INT16",
  i4: "INT32",
  i8: "INT64",
  u1: "UINT8",
  u2: "UINT16",
  u4: "UINT32",
  u8: "UINT64",
  f2: "FP16",
  f4: "FP32",
  f8: "FP64",
};

const ALLOWED = "bool, int8 to int64, uint8 to uint64, float16 to float64, S and U";

/** What the header says. */
interface Header {
  readonly bigEndian: boolean;
  /** NumPy's kind: b, i, u, f, S or U. */
  readonly kind: string;
  /** Bytes of one element. */
  readonly size: number;
  readonly columnMajor: boolean;
  readonly shape: readonly number[];
  /** Where the elements begin. */
  readonly start: number;
}

/**
 * Reads a `.npy` file: numbers of any byte order and axis order, and strings of dtype S (bytes) and U (UTF-8 here). Nothing
 * of it is executed: objects, which NumPy pickles, are refused.
 */
export function readNpy(file: Uint8Array): Encoded<FileTensor> {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.byteLength);
  const read = readHeader(bytes);
  if (!read.ok) return read;
  const { kind, size, shape, start } = read.value;
  const count = elementCount(shape);
  const found = bytes.length - start;
  if (found !== count * size)
    return fault(`it has ${found} bytes of elements, its shape [${shape.join(", ")}] takes ${count * size}`);
  if (count * LENGTH_BYTES > EXAMPLE_UNPACKED_BYTES_MAX)
    return fault(`it has ${count} elements, ${EXAMPLE_UNPACKED_BYTES_MAX / LENGTH_BYTES} are the most`);
  const elements = rowMajor(Buffer.from(bytes.subarray(start)), read.value);
  if (kind === "S" || kind === "U") return texts(elements, read.value);
  return { ok: true, value: { datatype: NUMBERS[`${kind}${size}`]!, shape, bytes: elements } };
}

function readHeader(bytes: Buffer): Encoded<Header> {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC) || bytes.length < HEADER_LENGTH_AT + LENGTH_BYTES)
    return fault("it is no .npy file");
  const isShort = bytes[VERSION_AT] === 1;
  const length = isShort ? bytes.readUInt16LE(HEADER_LENGTH_AT) : bytes.readUInt32LE(HEADER_LENGTH_AT);
  const from = HEADER_LENGTH_AT + (isShort ? 2 : 4);
  const text = bytes.toString("latin1", from, Math.min(from + length, bytes.length));
  const [, axes] = /'shape':\s*\(([\d\sL,]*)\)/.exec(text) ?? [];
  const [, order] = /'fortran_order':\s*(True|False)/.exec(text) ?? [];
  const [, descr] = /'descr':\s*('[^']*'|\[)/.exec(text) ?? [];
  if (axes === undefined || order === undefined || descr === undefined)
    return fault("its header names no descr, fortran_order and shape");
  const shape = axes.split(",").flatMap((axis) => (axis.trim() === "" ? [] : [Number.parseInt(axis, 10)]));
  const type = typeOf(descr);
  if (!type.ok) return type;
  return { ok: true, value: { ...type.value, columnMajor: order === "True", shape, start: from + length } };
}

function typeOf(descr: string): Encoded<Pick<Header, "bigEndian" | "kind" | "size">> {
  const [, order = "", kind = "", digits = ""] = /^'([<>|=]?)([a-zA-Z])(\d*)'$/.exec(descr) ?? [];
  if (kind === "O") {
    const how = "save it as strings, a.astype('U') or a.astype('S')";
    return fault(`it holds Python objects (dtype O), which are pickled and not read; ${how}`);
  }
  const isText = kind === "S" || kind === "U";
  if (!isText && NUMBERS[`${kind}${digits}`] === undefined)
    return fault(`its dtype is ${descr === "[" ? "a structure" : descr}; allowed: ${ALLOWED}`);
  const size = Number(digits) * (kind === "U" ? CHARACTER_BYTES : 1);
  return { ok: true, value: { bigEndian: order === ">", kind, size } };
}

/** The elements little-endian and with the last axis first; changes `elements`, which must be the caller's own. */
function rowMajor(elements: Buffer, { bigEndian, kind, size, columnMajor, shape }: Header): Buffer {
  const unit = kind === "U" ? CHARACTER_BYTES : kind === "S" ? 1 : size;
  if (bigEndian && unit === 2) elements.swap16();
  if (bigEndian && unit === 4) elements.swap32();
  if (bigEndian && unit === 8) elements.swap64();
  return columnMajor && shape.length > 1 ? transposed(elements, size, shape) : elements;
}

/** Elements whose first axis runs fastest, as ones whose last axis does. */
function transposed(elements: Buffer, size: number, shape: readonly number[]): Buffer {
  const strides = shape.map((_, axis) => elementCount(shape.slice(0, axis)));
  const result = Buffer.alloc(elements.length);
  const index = shape.map(() => 0);
  for (let to = 0; to < elements.length; to += size) {
    const from = index.reduce((sum, at, axis) => sum + at * strides[axis]!, 0) * size;
    elements.copy(result, to, from, from + size);
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      index[axis]! += 1;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
  return result;
}

/** NumPy fills strings with zeros up to the longest. */
function texts(elements: Buffer, { kind, size, shape }: Header): Encoded<FileTensor> {
  const count = elementCount(shape);
  const values: Uint8Array[] = [];
  for (let at = 0; at < count; at += 1) {
    const raw = elements.subarray(at * size, (at + 1) * size);
    const text = kind === "S" ? withoutZeros(raw) : utf8Of(raw);
    if (text === null) return fault(`element ${at} holds what is no Unicode character`);
    values.push(text);
  }
  return { ok: true, value: { datatype: "BYTES", shape, bytes: encodeBytes(values) } };
}

function withoutZeros(raw: Buffer): Buffer {
  let length = raw.length;
  while (length > 0 && raw[length - 1] === 0) length -= 1;
  return raw.subarray(0, length);
}

const LAST_CODE_POINT = 0x10ffff;

function utf8Of(raw: Buffer): Buffer | null {
  const codes = Array.from({ length: raw.length / CHARACTER_BYTES }, (_, at) =>
    raw.readUInt32LE(at * CHARACTER_BYTES),
  );
  while (codes.at(-1) === 0) codes.pop();
  if (codes.some((code) => code > LAST_CODE_POINT)) return null;
  return Buffer.from(codes.map((code) => String.fromCodePoint(code)).join(""));
}

function fault(sentence: string): { readonly ok: false; readonly fault: string } {
  return { ok: false, fault: sentence };
}
