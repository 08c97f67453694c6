import { bfloatBits, halfBits } from "./half-float";
import { type DataType, type Encoded, isDataType } from "./tensor";
import { countFault, wrongElement } from "./tensor-json";

/** Numbers of a tensor as they were read from JSON, row-major. */
export interface NumberList {
  /** NaN and infinities are what was written so. */
  readonly values: Float64Array;
  /** Integers that a double does not hold, by index, as written. */
  readonly wide: ReadonlyMap<number, string>;
}

/** Packs numbers; the index of the first that is none of its datatype instead. */
type Pack = (list: NumberList) => Uint8Array | number;

const packs: Readonly<Record<Exclude<DataType, "BYTES">, Pack>> = {
  BOOL: ({ values }) => whole(values, new Uint8Array(values.length), 0, 1),
  INT8: ({ values }) => whole(values, new Int8Array(values.length), -(2 ** 7), 2 ** 7 - 1),
  INT16: ({ values }) => whole(values, new Int16Array(values.length), -(2 ** 15), 2 ** 15 - 1),
  INT32: ({ values }) => whole(values, new Int32Array(values.length), -(2 ** 31), 2 ** 31 - 1),
  INT64: (list) => wide(list, -(2n ** 63n), 2n ** 63n - 1n),
  UINT8: ({ values }) => whole(values, new Uint8Array(values.length), 0, 2 ** 8 - 1),
  UINT16: ({ values }) => whole(values, new Uint16Array(values.length), 0, 2 ** 16 - 1),
  UINT32: ({ values }) => whole(values, new Uint32Array(values.length), 0, 2 ** 32 - 1),
  UINT64: (list) => wide(list, 0n, 2n ** 64n - 1n),
  FP16: ({ values }) => bits(values, 65_504, halfBits),
  BF16: ({ values }) => bits(values, 3.3895313892515355e38, bfloatBits),
  FP32: ({ values }) => real(values, new Float32Array(values.length), 3.4028234663852886e38),
  FP64: ({ values }) => real(values, new Float64Array(values.length), Number.MAX_VALUE),
};

/**
 * As `encodeJsonData` of the same numbers, without an object for each: raw little-endian, or a fault that names the first number
 * that is none of the datatype, or both counts.
 */
export function encodeNumbers(
  datatype: string,
  shape: readonly number[],
  list: NumberList,
): Encoded<Uint8Array> {
  if (!isDataType(datatype)) return { ok: false, fault: `datatype '${datatype}' is unknown` };
  const miscounted = countFault(list.values.length, shape);
  if (miscounted !== null) return { ok: false, fault: miscounted };
  if (datatype === "BYTES")
    return list.values.length === 0
      ? { ok: true, value: new Uint8Array() }
      : wrongElement(datatype, 0, told(list, 0));
  const packed = packs[datatype](list);
  if (typeof packed === "number") return wrongElement(datatype, packed, told(list, packed));
  return { ok: true, value: packed };
}

/** A number as JSON has it. */
function told({ values, wide: texts }: NumberList, index: number): number | string {
  const value = values[index] ?? 0;
  return texts.get(index) ?? (Number.isFinite(value) ? value : String(value));
}

type Whole = Uint8Array | Int8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

function whole(values: Float64Array, to: Whole, min: number, max: number): Uint8Array | number {
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    if (!(value >= min && value <= max) || value !== Math.trunc(value)) return i;
    to[i] = value;
  }
  return bytesOf(to);
}

function real(values: Float64Array, to: Float32Array | Float64Array, max: number): Uint8Array | number {
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    if (isBeyond(value, max)) return i;
    to[i] = value;
  }
  return bytesOf(to);
}

function bits(values: Float64Array, max: number, bitsOf: (value: number) => number): Uint8Array | number {
  const to = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    if (isBeyond(value, max)) return i;
    to[i] = bitsOf(value);
  }
  return bytesOf(to);
}

/** 64 bits as two halves: a BigInt for each would be an allocation for each. */
function wide({ values, wide: texts }: NumberList, min: bigint, max: bigint): Uint8Array | number {
  const to = new Uint32Array(2 * values.length);
  const whole = new BigUint64Array(to.buffer);
  const least = min === 0n ? 0 : Number.MIN_SAFE_INTEGER;
  for (let i = 0; i < values.length; i += 1) {
    const value = values[i]!;
    const text = texts.size === 0 ? undefined : texts.get(i);
    if (text !== undefined) {
      const exact = BigInt(text);
      if (exact < min || exact > max) return i;
      whole[i] = BigInt.asUintN(64, exact);
    } else if (Number.isSafeInteger(value) && value >= least) {
      const upper = Math.floor(value / 2 ** 32);
      to[2 * i] = value - upper * 2 ** 32;
      to[2 * i + 1] = upper;
    } else return i;
  }
  return bytesOf(to);
}

/** A finite number beyond the largest of the datatype is refused, not turned into an infinity. */
function isBeyond(value: number, max: number): boolean {
  return Math.abs(value) > max && Number.isFinite(value);
}

function bytesOf({ buffer, byteOffset, byteLength }: Whole | Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
