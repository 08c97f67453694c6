import { isPlain } from "../layout";
import { one, rowCount, type Size, sizeOf } from "../size";
import { type RowsTensor, shared, type Traced, withRows } from "../traced";
import { input, intOf, mixes, type Rule, type TracedNode, textOf, unknown } from "../traced-node";

/** Places of the inputs of a recurrent network that have rows, and on which axis where sequences come first. */
const SEQUENCE = 0;
const LENGTHS = 4;
const STATES = [5, 6] as const;
const PLAIN = { outer: one, inner: one };

/** A recurrent network: rows lie on the second axis, or on the first where the layout says so; weights are the same for all. */
export const recurrent: Rule = (at) => {
  const batchFirst = intOf(at, "layout", 0) === 1;
  const axis = batchFirst ? 0 : 1;
  const places = new Map<number, number>([
    [SEQUENCE, axis],
    [LENGTHS, 0],
    ...STATES.map((at) => [at, axis] as const),
  ]);
  if (at.inputs.every((value) => value === null || value.kind === "shared")) return shared(null);
  for (const [index, value] of at.inputs.entries()) {
    const fault = value === null ? null : placeFault(at, value, places.get(index));
    if (fault !== null) return fault;
  }
  const sequence = input(at, SEQUENCE) as RowsTensor;
  const directions = textOf(at, "direction", "forward") === "bidirectional" ? 2 : 1;
  const stated = intOf(at, "hidden_size", 0);
  const hidden = stated > 0 ? sizeOf(stated) : at.symbols.fresh();
  return outputsOf(sequence.shape[batchFirst ? 1 : 0]!, sizeOf(directions), hidden, batchFirst);
};

function placeFault(at: TracedNode, value: Traced, place: number | undefined): Traced | null {
  if (place === undefined)
    return value.kind === "rows" ? mixes(at, "takes weights that differ from row to row") : null;
  if (value.kind !== "rows") return unknown(at, "takes states or sequences that are the same for all rows");
  if (value.rows.axis !== place) return mixes(at, "steps along the axis of the rows");
  return isPlain(value) ? null : unknown(at, "has several sequences for each row");
}

function outputsOf(steps: Size, directions: Size, hidden: Size, batchFirst: boolean): Traced[] {
  if (batchFirst) {
    const last = withRows([rowCount, directions, hidden], { axis: 0, ...PLAIN });
    return [withRows([rowCount, steps, directions, hidden], { axis: 0, ...PLAIN }), last, last];
  }
  const last = withRows([directions, rowCount, hidden], { axis: 1, ...PLAIN });
  return [withRows([steps, directions, rowCount, hidden], { axis: 2, ...PLAIN }), last, last];
}
