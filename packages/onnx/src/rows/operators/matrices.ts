import { broadcast, broadcastShapes } from "../broadcast";
import { transposed, unsqueezed } from "../layout";
import { isOne, one, type Size } from "../size";
import { moved, type RowsTensor, shared, type Traced, withRows } from "../traced";
import { input, intOf, mixes, type Rule, type TracedNode, unknown } from "../traced-node";
import { withoutValues } from "./elementwise";

/** A product of matrices, those of further axes side by side. */
export const matMul: Rule = (at) => multiplied(at, input(at, 0)!, input(at, 1)!);

/** A product of matrices of whole numbers; scales and zero points are the same for all rows. */
export function scaledMatMul(left: number, right: number): Rule {
  return (at) => {
    const parameters = at.inputs.filter((_, index) => index !== left && index !== right);
    if (parameters.some((parameter) => parameter?.kind === "rows"))
      return mixes(at, "takes a parameter that differs from row to row");
    return multiplied(at, input(at, left)!, input(at, right)!);
  };
}

/** A product whose weights are packed in a form of the operator's own: the last axis of the first input is summed over. */
export const packedMatMul: Rule = (at) => {
  const value = withoutValues(input(at, 0)!);
  if (at.inputs.slice(1).some((parameter) => parameter?.kind === "rows"))
    return mixes(at, "takes a parameter that differs from row to row");
  if (value.kind !== "rows") return shared(null);
  const last = value.shape.length - 1;
  if (value.rows.axis === last) return mixes(at, "sums over the axis of the rows");
  const columns = intOf(at, "N", 0);
  const size = columns > 0 ? { coefficient: columns, symbols: [] } : at.symbols.fresh();
  return withRows([...value.shape.slice(0, last), size], value.rows);
};

/** Matrices that may be turned before they are multiplied, and whose product is scaled. */
export const fusedMatMul: Rule = (at) => {
  if (intOf(at, "transBatchA", 0) === 1 || intOf(at, "transBatchB", 0) === 1)
    return unknown(at, "turns the axes of its batches");
  const [a, b] = [turned(input(at, 0)!, at, "transA"), turned(input(at, 1)!, at, "transB")];
  return multiplied(at, a, b);
};

/** A product of two matrices, plus a third stretched over it. */
export const gemm: Rule = (at) => {
  const [a, b] = [turned(input(at, 0)!, at, "transA"), turned(input(at, 1)!, at, "transB")];
  const times = multiplied(at, a, b);
  const bias = input(at, 2);
  return bias === null ? times : broadcast(at, [times, bias]);
};

function turned(value: Traced, at: TracedNode, attribute: string): Traced {
  if (intOf(at, attribute, 0) === 0 || value.kind === "tainted" || value.shape === null) return value;
  const rank = value.shape.length;
  const perm = [...value.shape.keys()].slice(0, Math.max(0, rank - 2));
  return rank < 2 ? value : transposed(value, [...perm, rank - 1, rank - 2]);
}

/** Rows of a product of matrices: those of the first are its rows, columns of the second its columns, and batches are aligned. */
export function multiplied(at: TracedNode, left: Traced, right: Traced): Traced {
  if (left.kind === "tainted") return left;
  if (right.kind === "tainted") return right;
  if (left.kind === "count" || right.kind === "count")
    return mixes(at, "computes with the number of rows in a batch");
  if (left.shape === null || right.shape === null)
    return left.kind === "rows" || right.kind === "rows"
      ? unknown(at, "has an operand of an unknown number of axes")
      : shared(null);
  if (left.shape.length === 0 || right.shape.length === 0) return unknown(at, "has an operand without axes");
  const [lone, single] = [left.shape.length === 1, right.shape.length === 1];
  const a = lone ? unsqueezed(at, left, [0]) : left;
  const b = single ? unsqueezed(at, right, [1]) : right;
  const whole = matrixProduct(at, a, b);
  return without(whole, [...(lone ? [-2] : []), ...(single ? [-1] : [])]);
}

function matrixProduct(at: TracedNode, a: Traced, b: Traced): Traced {
  const [shapeA, shapeB] = [shapeOf(a), shapeOf(b)];
  const batch = broadcastShapes([shapeA.slice(0, -2), shapeB.slice(0, -2)], at.symbols);
  const shape = [...batch, shapeA.at(-2)!, shapeB.at(-1)!];
  const [placeA, placeB] = [fromLast(a), fromLast(b)];
  if (placeA === null && placeB === null) return shared(shape);
  if (placeA === 0 || placeB === 1) return mixes(at, "sums over the axis of the rows");
  const place = placeA ?? placeB!;
  if (placeA !== null && placeB !== null) {
    if (placeA < 2 || placeB < 2) return mixes(at, "multiplies each row with every other");
    const fault = broadcast(at, [a, b].map(batchesOf));
    if (fault.kind === "tainted") return fault;
  } else if (place >= 2) {
    const beside = (placeA === null ? shapeA : shapeB).at(-1 - place);
    if (beside !== undefined && !isOne(beside))
      return mixes(at, "combines rows with an operand that has several of its own on their axis");
  }
  const { rows } = (placeA === null ? b : a) as RowsTensor;
  return withRows(shape, moved(rows, shape.length - 1 - place));
}

/** The axes before the two of the matrices, in place of the whole. */
function batchesOf(value: Traced): Traced {
  const shape = shapeOf(value).map((size, axis, all) => (axis < all.length - 2 ? size : one));
  return value.kind === "rows" ? withRows(shape, value.rows) : shared(shape);
}

function without(value: Traced, fromEnd: readonly number[]): Traced {
  if (value.kind === "tainted" || value.shape === null || fromEnd.length === 0) return value;
  const rank = value.shape.length;
  const gone = new Set(fromEnd.map((axis) => axis + rank));
  const kept = [...value.shape.keys()].filter((axis) => !gone.has(axis));
  const shape = kept.map((axis) => value.shape![axis]!);
  return value.kind === "rows"
    ? withRows(shape, moved(value.rows, kept.indexOf(value.rows.axis)))
    : shared(shape);
}

function fromLast(value: Traced): number | null {
  return value.kind === "rows" ? value.shape.length - 1 - value.rows.axis : null;
}

function shapeOf(value: Traced): readonly Size[] {
  return value.kind === "tainted" ? [] : (value.shape ?? []);
}
