import { type DataType, datatypeBytes, elementCount } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { Code, ServiceError } from "@infaas/runtime";
import { rowDims } from "../../engines/row-dims";

/** Rows of input for one model: real examples where there are any, pseudo-random ones otherwise. */
export interface RowSet {
  readonly count: number;
  /** Bytes of one row, all inputs together. */
  readonly rowBytes: number;
  /** Raw inputs of the given rows, in this order, one buffer per input. */
  inputsOf(rows: readonly number[]): Buffer[];
  /** Whole shape of each input for a batch of `rows`. */
  dimsOf(rows: number): number[][];
}

/**
 * Rows over raw examples (row-major, little-endian; the inputs of one example lie side by side in the model's order).
 * @throws ServiceError INVALID_ARGUMENT when the bytes are no whole number of rows for these inputs.
 */
export function exampleRows(inputs: readonly TensorSignature[], examples: Buffer, count: number): RowSet {
  const rowBytes = examples.byteLength / count;
  const shapes = inputs.map((input) => rowShape(input, inputs.length === 1 ? rowBytes : null));
  const sizes = shapes.map((shape, index) => bytesOf(inputs[index]!.datatype, shape));
  const needed = sizes.reduce((sum, size) => sum + size, 0);
  if (count < 1 || needed !== rowBytes) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `validation inputs have ${examples.byteLength} bytes for ${count} examples; this model takes ${needed} bytes each`,
    );
  }
  return rowSetOf({ examples, count, sizes, shapes, inputs });
}

/** Rows that lie one after another in `examples`, the inputs of each side by side. */
export function rowSetOf(
  o: Omit<RawRowsOptions, "batched"> & { readonly inputs: readonly TensorSignature[] },
): RowSet {
  return new RawRows({ ...o, batched: o.inputs.map(({ shape }) => shape[0] === -1) });
}

/** Numbers of the first rows of a set; those behind its last begin anew. */
export function firstRows(count: number): number[] {
  return Array.from({ length: count }, (_, row) => row);
}

/** Values of one input, row by row. */
export interface GivenInput {
  /** One after another, and round again where more are asked for. */
  readonly rows: readonly Uint8Array[];
  /** Whole shape of a row. */
  readonly shape: readonly number[];
}

/** `count` rows of these values, one list for each input; they may differ in bytes, as strings do. */
export function listedRows(
  inputs: readonly TensorSignature[],
  values: readonly GivenInput[],
  count: number,
): RowSet {
  return {
    count,
    rowBytes: values.reduce((sum, { rows }) => sum + Math.max(0, ...rows.map(({ length }) => length)), 0),
    inputsOf: (chosen) =>
      values.map(({ rows }) => Buffer.concat(chosen.map((row) => rows[(row % count) % rows.length]!))),
    dimsOf: (together) =>
      values.map(({ shape }, index) => dimsOf(shape, inputs[index]?.shape[0] === -1, together)),
  };
}

/** Rows of two sets of the same shapes, those of the second behind those of the first. */
export function joinedRows(first: RowSet, second: RowSet): RowSet {
  const rowOf = (row: number) =>
    row < first.count ? first.inputsOf([row]) : second.inputsOf([row - first.count]);
  return {
    count: first.count + second.count,
    rowBytes: Math.max(first.rowBytes, second.rowBytes),
    inputsOf: (rows) => {
      const each = rows.map(rowOf);
      return (each[0] ?? []).map((_, input) => Buffer.concat(each.map((inputs) => inputs[input]!)));
    },
    dimsOf: (rows) => first.dimsOf(rows),
  };
}

class RawRows implements RowSet {
  readonly count: number;
  readonly rowBytes: number;
  private readonly o: RawRowsOptions;

  constructor(o: RawRowsOptions) {
    this.o = o;
    this.count = o.count;
    this.rowBytes = o.sizes.reduce((sum, size) => sum + size, 0);
  }

  inputsOf(rows: readonly number[]): Buffer[] {
    let start = 0;
    return this.o.sizes.map((size) => {
      const offset = start;
      start += size;
      return Buffer.concat(rows.map((row) => this.example(row).subarray(offset, offset + size)));
    });
  }

  dimsOf(rows: number): number[][] {
    return this.o.shapes.map((shape, index) => dimsOf(shape, this.o.batched[index] === true, rows));
  }

  private example(row: number): Buffer {
    const index = row % this.count;
    return this.o.examples.subarray(index * this.rowBytes, (index + 1) * this.rowBytes);
  }
}

/** Shape of `rows` rows together, where a row has this one. */
function dimsOf(shape: readonly number[], batched: boolean, rows: number): number[] {
  const [first = 1, ...rest] = shape;
  return batched ? [rows * first, ...rest] : [...shape];
}

interface RawRowsOptions {
  readonly examples: Buffer;
  readonly count: number;
  /** Bytes of each input in one row. */
  readonly sizes: readonly number[];
  /** Whole shape of each input for one row. */
  readonly shapes: readonly (readonly number[])[];
  readonly batched: readonly boolean[];
}

/**
 * Whole shape of one row: a free first axis is 1; one free axis after it takes what `rowBytes` leaves.
 * @throws ServiceError INVALID_ARGUMENT when an axis after the first is free and nothing tells how long it is.
 */
export function rowShape(
  { name, datatype, shape }: TensorSignature,
  rowBytes: number | null = null,
): number[] {
  if (!shape.slice(1).includes(-1)) return shape.map((size, axis) => (axis === 0 && size === -1 ? 1 : size));
  if (rowBytes !== null) return [...rowDims({ name, datatype, dims: shape }, rowBytes)];
  throw new ServiceError(
    Code.INVALID_ARGUMENT,
    `input ${name} has a free axis after the first: nothing tells how long a row is`,
  );
}

function bytesOf(datatype: DataType, shape: readonly number[]): number {
  const elementBytes = datatypeBytes(datatype);
  if (elementBytes === null) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `a validation set of datatype ${datatype} is not read; inputs of fixed-size elements are`,
    );
  }
  return elementBytes * elementCount(shape);
}
