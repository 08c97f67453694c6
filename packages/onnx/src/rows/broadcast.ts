import { isOne, knownSize, type Size, type Symbols, sameSize, sizeText } from "./size";
import { type RowsTensor, rankOf, sameLayout, shared, type Traced, withRows } from "./traced";
import { mixes, type TracedNode, unknown } from "./traced-node";

/**
 * Shape and rows of an operator that works element by element on operands of fitting shapes. Axes are aligned from the last
 * one, so that a row axis meets another axis wherever operands differ in their number of axes.
 */
export function broadcast(at: TracedNode, operands: readonly Traced[]): Traced {
  const tainted = operands.find(({ kind }) => kind === "tainted");
  if (tainted !== undefined) return tainted;
  if (operands.some(({ kind }) => kind === "count"))
    return mixes(at, "computes with the number of rows in a batch");
  const ranks = operands.map(rankOf);
  const batched = operands.filter((operand): operand is RowsTensor => operand.kind === "rows");
  const [first] = batched;
  if (ranks.includes(null))
    return first === undefined ? shared(null) : unknown(at, "has an operand of an unknown number of axes");
  const rank = Math.max(...ranks.map((known) => known ?? 0));
  const shapes = operands.map((operand) => shapeOf(operand));
  const shape = broadcastShapes(shapes, at.symbols);
  if (first === undefined) return shared(shape);
  const fromLast = fromLastOf(first);
  for (const operand of operands) {
    const fault = alignmentFault(at, operand, { first, fromLast });
    if (fault !== null) return fault;
  }
  return withRows(shape, { ...first.rows, axis: rank - 1 - fromLast });
}

function alignmentFault(
  at: TracedNode,
  operand: Traced,
  { first, fromLast }: { readonly first: RowsTensor; readonly fromLast: number },
): Traced | null {
  if (operand.kind === "rows") {
    if (fromLastOf(operand) !== fromLast)
      return mixes(at, "puts the row axis of one operand beside another axis of the other");
    if (sameLayout(operand.rows, first.rows)) return null;
    return unknown(at, "combines operands that have a different number of elements for each row");
  }
  const shape = shapeOf(operand);
  const beside = shape[shape.length - 1 - fromLast];
  if (beside === undefined || isOne(beside)) return null;
  if (knownSize(beside) === null)
    return unknown(at, `combines rows with an operand of size ${sizeText(beside)} on their axis`);
  return mixes(at, `combines rows with an operand that has ${sizeText(beside)} of its own on their axis`);
}

/** Sizes of the axes that operands of these shapes are stretched to; where a size is the row axis of one, it stays as it is. */
export function broadcastShapes(shapes: readonly (readonly Size[])[], symbols: Symbols): Size[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.flatMap((shape) => shape[axis - rank + shape.length] ?? []);
    return sizes.reduce((a, b) => broadcastSize(a, b, symbols));
  });
}

function broadcastSize(a: Size, b: Size, symbols: Symbols): Size {
  if (sameSize(a, b) || isOne(b)) return a;
  if (isOne(a)) return b;
  // A known size beside one that is not: the other is the same, or one.
  if (knownSize(a) !== null) return a;
  if (knownSize(b) !== null) return b;
  return symbols.of("broadcast", [a, b]);
}

function shapeOf(operand: Traced): readonly Size[] {
  return operand.kind === "tainted" ? [] : (operand.shape ?? []);
}

/** The row axis counted from the last one. */
function fromLastOf({ shape, rows }: RowsTensor): number {
  return shape.length - 1 - rows.axis;
}
