import { type DataType, datatypeBytes, elementCount } from "@infaas/api";
import { Code, ServiceError, seededRandom } from "@infaas/runtime";
import { rowDims } from "../row-dims";
import type { TensorSignature } from "./signature";

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

/** Pseudo-random rows made when a task has no examples. */
export const RANDOM_ROW_COUNT = 128;
const RANDOM_SEED = 20_211;
/** Integers are drawn below this: small enough to be a valid index into any embedding of two entries or more. */
const RANDOM_INTEGER_LIMIT = 2;

/**
 * Rows over raw examples (row-major, little-endian; the inputs of one example lie side by side in the model's order).
 * @throws ServiceError INVALID_ARGUMENT when the bytes are no whole number of rows for these inputs.
 */
export function exampleRows(inputs: readonly TensorSignature[], examples: Buffer, count: number): RowSet {
  const rowBytes = examples.byteLength / count;
  const shapes = rowShapes(inputs, inputs.length === 1 ? rowBytes : null);
  const sizes = shapes.map((shape, index) => bytesOf(inputs[index]!.datatype, shape));
  const needed = sizes.reduce((sum, size) => sum + size, 0);
  if (count < 1 || needed !== rowBytes) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `validation inputs have ${examples.byteLength} bytes for ${count} examples; this model takes ${needed} bytes each`,
    );
  }
  return new RawRows({ examples, count, sizes, shapes, batched: inputs.map(({ shape }) => shape[0] === -1) });
}

/** Pseudo-random rows, the same on every call: floats in [-1, 1), integers 0 or 1. */
export function randomRows(inputs: readonly TensorSignature[], freeAxis: number | null): RowSet {
  const shapes = rowShapes(inputs, null, freeAxis);
  const sizes = shapes.map((shape, index) => bytesOf(inputs[index]!.datatype, shape));
  const random = seededRandom(RANDOM_SEED);
  const rows = Array.from({ length: RANDOM_ROW_COUNT }, () =>
    inputs.map(({ datatype }, index) =>
      randomTensor(datatype, elementCount(shapes[index]!), () => random.next()),
    ),
  );
  const examples = Buffer.concat(rows.flat());
  return new RawRows({
    examples,
    count: RANDOM_ROW_COUNT,
    sizes,
    shapes,
    batched: inputs.map(({ shape }) => shape[0] === -1),
  });
}

class RawRows implements RowSet {
  readonly count: number;
  readonly rowBytes: number;
  readonly #o: RawRowsOptions;

  constructor(o: RawRowsOptions) {
    this.#o = o;
    this.count = o.count;
    this.rowBytes = o.sizes.reduce((sum, size) => sum + size, 0);
  }

  inputsOf(rows: readonly number[]): Buffer[] {
    let start = 0;
    return this.#o.sizes.map((size) => {
      const offset = start;
      start += size;
      return Buffer.concat(rows.map((row) => this.#example(row).subarray(offset, offset + size)));
    });
  }

  dimsOf(rows: number): number[][] {
    return this.#o.shapes.map((shape, index) =>
      this.#o.batched[index] ? [rows, ...shape.slice(1)] : [...shape],
    );
  }

  #example(row: number): Buffer {
    const index = row % this.count;
    return this.#o.examples.subarray(index * this.rowBytes, (index + 1) * this.rowBytes);
  }
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

function rowShapes(
  inputs: readonly TensorSignature[],
  rowBytes: number | null,
  freeAxis: number | null = null,
): number[][] {
  return inputs.map(({ name, datatype, shape }) => {
    const inner = shape.slice(1).includes(-1);
    if (!inner) return shape.map((size, axis) => (axis === 0 && size === -1 ? 1 : size));
    if (rowBytes !== null) return [...rowDims({ name, datatype, dims: shape }, rowBytes)];
    if (freeAxis !== null)
      return shape.map((size, axis) => (size === -1 ? (axis === 0 ? 1 : freeAxis) : size));
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `input ${name} has a free axis after the first: a validation set or a text length must say how long a row is`,
    );
  });
}

function bytesOf(datatype: DataType, shape: readonly number[]): number {
  const elementBytes = datatypeBytes(datatype);
  if (elementBytes === null) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `input of datatype ${datatype}; tensors of fixed-size elements are served`,
    );
  }
  return elementBytes * elementCount(shape);
}

function randomTensor(datatype: DataType, count: number, next: () => number): Buffer {
  if (datatype === "FP32")
    return Buffer.from(Float32Array.from({ length: count }, () => next() * 2 - 1).buffer);
  if (datatype === "FP64")
    return Buffer.from(Float64Array.from({ length: count }, () => next() * 2 - 1).buffer);
  const size = datatypeBytes(datatype) ?? 1;
  const bytes = Buffer.alloc(count * size);
  // Half and brain floats stay zero: their small integers would be denormals.
  if (datatype === "FP16" || datatype === "BF16") return bytes;
  for (let index = 0; index < count; index++) bytes[index * size] = Math.floor(next() * RANDOM_INTEGER_LIMIT);
  return bytes;
}
