import {
  countsRows,
  isOne,
  knownSize,
  one,
  product,
  quotient,
  rowCount,
  type Size,
  sameSize,
  sizeOf,
} from "./size";
import { type RowsTensor, shared, type Traced, withRows } from "./traced";
import { fromFront, mixes, sizesAfter, sizesBefore, type TracedNode, unknown } from "./traced-node";

/** Axes of a tensor in another order: `perm[i]` is where axis i of the result was. */
export function transposed(tensor: Traced, perm: readonly number[]): Traced {
  if (tensor.kind === "tainted" || tensor.shape === null) return tensor;
  const shape = perm.map((axis) => tensor.shape![axis]!);
  if (tensor.kind !== "rows") return perm.length > 1 && tensor.kind === "shared" ? shared(shape) : tensor;
  return withRows(shape, { ...tensor.rows, axis: perm.indexOf(tensor.rows.axis) });
}

/** A tensor with axes of size one put in before these places of the result. */
export function unsqueezed(at: TracedNode, tensor: Traced, axes: readonly number[]): Traced {
  if (tensor.kind === "tainted" || tensor.shape === null) return tensor;
  const rank = tensor.shape.length + axes.length;
  const added = new Set(axes.map((axis) => fromFront(axis, rank)));
  if (added.has(null) || added.size !== axes.length) return unknown(at, "has axes that do not exist");
  const kept = [...Array(rank).keys()].filter((axis) => !added.has(axis));
  const shape = [...Array(rank).keys()].map((axis) => tensor.shape![kept.indexOf(axis)] ?? one);
  if (tensor.kind !== "rows") return { ...tensor, shape };
  return withRows(shape, { ...tensor.rows, axis: kept[tensor.rows.axis]! });
}

/** A tensor without these axes, whatever becomes of their elements: dropped, or folded into one. */
export function withoutAxes(tensor: RowsTensor, axes: ReadonlySet<number>): RowsTensor {
  const kept = [...tensor.shape.keys()].filter((axis) => !axes.has(axis));
  const shape = kept.map((axis) => tensor.shape[axis]!);
  return withRows(shape, { ...tensor.rows, axis: kept.indexOf(tensor.rows.axis) });
}

/**
 * A tensor in another shape, its elements in the same order. `asked`: sizes, of which one may be -1 (what is left) and, where
 * `zeroCopies`, 0 is the size that the axis of this number has now.
 */
export function reshaped(
  at: TracedNode,
  tensor: Traced,
  asked: readonly Size[],
  zeroCopies: boolean,
): Traced {
  if (tensor.kind === "tainted") return tensor;
  const now = tensor.shape;
  const copied = asked.map((size, axis) =>
    zeroCopies && knownSize(size) === 0 ? (now?.[axis] ?? null) : size,
  );
  if (now === null) return shared(restOf(at, copied, null));
  if (copied.includes(null)) return unknown(at, "copies the size of an axis that does not exist");
  const shape = restOf(at, copied, product(now));
  if (shape === null) return unknown(at, "has a size that cannot be told from the sizes of its input");
  if (tensor.kind === "rows") return reshapedRows(at, tensor, shape);
  if (shape.some(countsRows))
    return mixes(at, "shapes values that are the same for all rows by the number of rows");
  return { ...tensor, shape };
}

/** The sizes with -1 filled in: by what is left of `total`, or by an unknown number. Null where more than one is open. */
function restOf(at: TracedNode, sizes: readonly (Size | null)[], total: Size | null): Size[] | null {
  const known = sizes.map((size) => size ?? at.symbols.fresh());
  const open = known.flatMap((size, axis) => (knownSize(size) === -1 ? [axis] : []));
  const [rest] = open;
  if (rest === undefined) return known;
  if (open.length > 1) return null;
  const others = product(known.filter((_, axis) => axis !== rest));
  const left = total === null ? null : quotient(total, others);
  const countsN = total !== null && countsRows(total) && !countsRows(others);
  if (left === null && countsN) return null;
  const unsaid = () => (total === null ? at.symbols.fresh() : at.symbols.of("rest", [total, others]));
  return known.map((size, axis) => (axis === rest ? (left ?? unsaid()) : size));
}

/**
 * Rows lie apart after a reshape where the axes before the one that counts rows have as many elements as lay before a row's
 * part before. That the sizes after it fit follows, for both shapes have as many elements.
 */
function reshapedRows(at: TracedNode, tensor: RowsTensor, shape: readonly Size[]): Traced {
  const counting = shape.flatMap((size, axis) => (countsRows(size) ? [axis] : []));
  const [axis] = counting;
  if (axis === undefined) return mixes(at, "gives its result sizes that are the same for any number of rows");
  if (counting.length > 1) return mixes(at, "gives its result more than one axis that counts rows");
  const perRow = quotient(shape[axis]!, rowCount);
  if (perRow === null || countsRows(perRow)) return mixes(at, "gives its result an axis of rows by rows");
  const { rows } = tensor;
  const before = product([sizesBefore(tensor.shape, rows.axis), rows.outer]);
  const after = product([rows.inner, sizesAfter(tensor.shape, rows.axis)]);
  const outer = quotient(before, sizesBefore(shape, axis));
  const inner = outer === null ? quotient(after, sizesAfter(shape, axis)) : quotient(perRow, outer);
  const otherOuter = outer ?? (inner === null ? null : quotient(perRow, inner));
  if (otherOuter === null || inner === null)
    return unknown(at, "has sizes from which it cannot be told where the elements of a row lie");
  return withRows(shape, { axis, outer: otherOuter, inner });
}

/** Whether `tensor` has rows on `axis`. */
export function rowsOn(tensor: Traced, axis: number | null): boolean {
  return tensor.kind === "rows" && tensor.rows.axis === axis;
}

/** The same tensor with another size on an axis that is not its row axis; known values are let go. */
export function resized(tensor: Traced, axis: number, size: Size): Traced {
  if (tensor.kind === "tainted" || tensor.shape === null) return tensor;
  const shape = tensor.shape.map((other, index) => (index === axis ? size : other));
  return tensor.kind === "rows" ? { ...tensor, shape } : shared(shape);
}

/** Whether a row has one element on the row axis, all rows side by side. */
export function isPlain({ rows }: RowsTensor): boolean {
  return isOne(rows.outer) && isOne(rows.inner);
}

/** A tensor whose elements along `axis` are all the same, as many as `size` says, which counts rows. */
export function repeatedRows(shape: readonly Size[], axis: number): Traced | null {
  const inner = quotient(shape[axis]!, rowCount);
  if (inner === null || countsRows(inner)) return null;
  return withRows(shape, { axis, outer: one, inner });
}

/** Sum of sizes along an axis, as far as it can be told. */
export function sumOf(at: TracedNode, sizes: readonly Size[]): Size {
  const known = sizes.map(knownSize);
  if (!known.includes(null)) return sizeOf(known.reduce<number>((sum, size) => sum + (size ?? 0), 0));
  if (sizes.length > 1 && sizes.every((size) => sameSize(size, sizes[0]!)))
    return product([sizeOf(sizes.length), sizes[0]!]);
  return at.symbols.of("sum", sizes);
}
