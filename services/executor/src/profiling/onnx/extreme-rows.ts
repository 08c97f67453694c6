import { type DataType, datatypeBytes, elementCount, numberBytes } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { listedRows, type RowSet } from "./row-set";

/** Value of element `at` of `count`, by kind of datatype; what a datatype cannot hold is cut to what it can. */
interface Extreme {
  readonly real: (at: number, count: number) => number;
  readonly whole: (at: number, count: number) => number;
}

const everywhere = (real: number, whole: number): Extreme => ({ real: () => real, whole: () => whole });

/**
 * Values that make rows meet where anything lets them: beyond full scale, padded masks of all kinds, ids from the smallest to
 * the largest, ties, what is no number. An id that the model does not have is refused by it, alone as well.
 */
const EXTREMES: readonly Extreme[] = [
  everywhere(0, 0),
  everywhere(1, 1),
  everywhere(Number.NaN, 2),
  everywhere(Number.POSITIVE_INFINITY, 99),
  everywhere(Number.NEGATIVE_INFINITY, -1),
  everywhere(1e30, 999),
  everywhere(-1e30, 9),
  everywhere(1e-30, 29_999),
  everywhere(255, 127),
  { real: (at) => (at % 2 === 0 ? 255 : -255), whole: (at) => at % 2 },
  { real: (at, count) => (at < count / 2 ? 1 : 0), whole: (at, count) => (at < count / 2 ? 1 : 0) },
  { real: (at, count) => (at < 1 ? 1 : at === count - 1 ? Number.NaN : 0), whole: (at) => (at < 1 ? 1 : 0) },
];

/** Bytes of all extreme rows, at most; the later ones are left out where rows are large. */
const EXTREME_BYTES_MAX = 8 * 2 ** 20;
/** Largest finite values; what is larger is cut to them, so that it stays a number. */
const LARGEST: Partial<Readonly<Record<DataType, number>>> = { FP16: 65_504 };
const WHOLE_RANGES: Partial<Readonly<Record<DataType, readonly [number, number]>>> = {
  UINT8: [0, 255],
  INT8: [-128, 127],
  UINT16: [0, 65_535],
  UINT32: [0, 2 ** 32 - 1],
  UINT64: [0, 2 ** 53],
};

/**
 * Rows of extreme values: each kind in all inputs together, then in one input at a time beside ordinary values of the others.
 * Strings are left as they are in `rows`.
 */
export function extremeRows(inputs: readonly TensorSignature[], rows: RowSet): RowSet {
  const shapes = rows.dimsOf(1);
  const masks: ReadonlySet<number>[] = [new Set(inputs.keys())];
  if (inputs.length > 1) for (const index of inputs.keys()) masks.push(new Set([index]));
  const made: Buffer[][] = [];
  const most = Math.max(1, Math.floor(EXTREME_BYTES_MAX / Math.max(1, rows.rowBytes)));
  for (const hit of masks)
    for (const extreme of EXTREMES) {
      if (made.length >= most) break;
      const ordinary = rows.inputsOf([made.length % rows.count]);
      made.push(
        inputs.map(({ datatype }, index) =>
          hit.has(index)
            ? (tensorOf(datatype, shapes[index]!, extreme) ?? ordinary[index]!)
            : ordinary[index]!,
        ),
      );
    }
  const values = shapes.map((shape, index) => ({ shape, rows: made.map((row) => row[index]!) }));
  return listedRows(inputs, values, made.length);
}

function tensorOf(datatype: DataType, shape: readonly number[], { real, whole }: Extreme): Buffer | null {
  if (datatypeBytes(datatype) === null) return null;
  const count = elementCount(shape);
  const isReal = datatype.startsWith("FP") || datatype === "BF16";
  return numberBytes(
    datatype,
    Array.from({ length: count }, (_, at) =>
      isReal ? cutReal(datatype, real(at, count)) : cutWhole(datatype, whole(at, count)),
    ),
  );
}

function cutReal(datatype: DataType, value: number): number {
  const largest = LARGEST[datatype];
  return largest === undefined || !Number.isFinite(value)
    ? value
    : Math.min(largest, Math.max(-largest, value));
}

function cutWhole(datatype: DataType, value: number): number {
  const [least, most] = WHOLE_RANGES[datatype] ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  return Math.min(most, Math.max(least, value));
}
