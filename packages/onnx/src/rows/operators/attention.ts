import { broadcast } from "../broadcast";
import { isPlain } from "../layout";
import { isOne, one, rowCount } from "../size";
import { type RowsTensor, shared, type Traced, withRows } from "../traced";
import { input, mixes, type Rule, type TracedNode, unknown } from "../traced-node";

/** Where the rows of an input of an attention lie: on this axis; `stretched`: it may also be one element for all rows. */
interface Place {
  readonly axis: number;
  readonly stretched?: true;
}

/** Inputs with rows by their places, and the row axis of each output. */
interface AttentionRows {
  readonly inputs: Readonly<Record<number, Place>>;
  readonly outputs: readonly number[];
}

const FIRST: Place = { axis: 0 };
const BIAS: Place = { axis: 0, stretched: true };

/** Operators of the contributed domain: a mask for each row, earlier keys and values with rows on the stated axis. */
export const packedAttention: Rule = (at) =>
  attended(at, { inputs: { 0: FIRST, 3: FIRST, 4: { axis: 1 }, 5: BIAS }, outputs: [0, 1] });
export const multiHeadAttention: Rule = (at) =>
  attended(at, {
    inputs: { 0: FIRST, 1: FIRST, 2: FIRST, 4: FIRST, 5: BIAS, 6: FIRST, 7: FIRST },
    outputs: [0, 0, 0],
  });
export const quantizedAttention: Rule = (at) =>
  attended(at, { inputs: { 0: FIRST, 5: FIRST, 8: { axis: 1 } }, outputs: [0, 1] });

/** ONNX's own attention; its mask is stretched from the last axis over rows, heads, queries and keys. */
export const attention: Rule = (at) => {
  const mask = input(at, 3);
  const fault = mask === null ? null : maskFault(at, mask);
  if (fault !== null) return fault;
  const inputs = at.inputs.map((value, index) => (index === 3 ? null : value));
  const places = {
    inputs: { 0: FIRST, 1: FIRST, 2: FIRST, 4: FIRST, 5: FIRST, 6: FIRST },
    outputs: [0, 0, 0, 0],
  };
  return attended({ ...at, inputs }, places);
};

const SCORE_AXES = 4;
function maskFault(at: TracedNode, mask: Traced): Traced | null {
  if (mask.kind === "rows")
    return mask.shape.length === SCORE_AXES && mask.rows.axis === 0 && isPlain(mask)
      ? null
      : mixes(at, "masks scores along another axis than that of the rows");
  if (mask.kind !== "shared" || mask.shape === null)
    return unknown(at, "has a mask of an unknown number of axes");
  const [first] = mask.shape;
  if (mask.shape.length < SCORE_AXES || (first !== undefined && isOne(first))) return null;
  return mixes(at, "has a mask with several rows of its own");
}

function attended(at: TracedNode, { inputs, outputs }: AttentionRows): Traced | readonly Traced[] {
  const values = [...at.inputs.entries()].flatMap(([index, value]) =>
    value === null ? [] : [{ index, value }],
  );
  if (values.every(({ value }) => value.kind === "shared")) return shared(null);
  for (const { index, value } of values) {
    const fault = placeFault(at, value, inputs[index]);
    if (fault !== null) return fault;
  }
  const query = input(at, 0) as RowsTensor;
  return Array.from({ length: Math.max(1, at.outputs) }, (_, index) =>
    index === 0 ? answerOf(at, query) : stateOf(at, outputs[index]),
  );
}

function placeFault(at: TracedNode, value: Traced, place: Place | undefined): Traced | null {
  if (value.kind !== "rows") {
    if (place === undefined) return null;
    const first = value.kind === "shared" ? value.shape?.[0] : undefined;
    if (place.stretched && first !== undefined && isOne(first)) return null;
    return unknown(at, "takes an input that is the same for all rows where each has its own");
  }
  if (place === undefined) return mixes(at, "takes weights that differ from row to row");
  if (value.rows.axis !== place.axis) return mixes(at, "attends along the axis of the rows");
  return isPlain(value) ? null : unknown(at, "has several sequences for each row");
}

/** The answer has a row for each of the queries, and is as deep as nobody says here. */
function answerOf(at: TracedNode, query: RowsTensor): Traced {
  const inner = query.shape.slice(1, -1);
  return withRows([rowCount, ...inner, at.symbols.fresh()], query.rows);
}

/** Keys, values or scores as they are kept: heads, steps and depth behind the rows, and what stands before them. */
function stateOf(at: TracedNode, axis: number | undefined): Traced {
  if (axis === undefined) return unknown(at, "has an output whose rows are not known");
  const shape = Array.from({ length: SCORE_AXES + axis }, () => at.symbols.fresh());
  return withRows(shape, { axis, outer: one, inner: one });
}

/** A normalisation of the last axis after a sum with what is skipped; the sum may be an output too. */
export const skipNormalization: Rule = (at) => {
  const [value, skip] = [input(at, 0)!, input(at, 1)!];
  if (at.inputs.slice(2).some((parameter) => parameter?.kind === "rows"))
    return mixes(at, "takes a parameter that differs from row to row");
  const sum = broadcast(at, [value, skip]);
  if (sum.kind !== "rows" || value.kind !== "rows") return sum;
  if (sum.rows.axis === sum.shape.length - 1) return mixes(at, "normalises over the axis of the rows");
  if (sum.shape.length !== value.shape.length) return unknown(at, "adds what has more axes than the rows");
  return Array.from({ length: Math.max(1, at.outputs) }, (_, index) =>
    index === 0 || index === 3 ? sum : unknown(at, "has statistics that are not followed"),
  );
};

/** Turns pairs of numbers by their place in the sequence; the places may be each row's own. */
export const rotaryEmbedding: Rule = (at) => {
  const [value, second, third, fourth] = at.inputs;
  if (value?.kind !== "rows") return value?.kind === "shared" ? shared(value.shape) : (value ?? shared(null));
  if (value.rows.axis !== 0) return mixes(at, "turns along the axis of the rows");
  const contributed = at.node.domain === "com.microsoft";
  const [places, tables] = contributed ? [second, [third, fourth]] : [fourth, [second, third]];
  if (tables.some((table) => table?.kind === "rows"))
    return unknown(at, "has tables that differ from row to row");
  const tableRank = tables[0]?.kind === "shared" ? tables[0].shape?.length : undefined;
  if (places == null) return tableRank === 2 ? value : unknown(at, "has tables of an unknown number of axes");
  if (places.kind === "rows")
    return places.rows.axis === 0 && isPlain(places) ? value : unknown(at, "has places of other rows");
  const lone = places.kind === "shared" && places.shape?.length === 1;
  return lone ? value : unknown(at, "has places that are the same for all rows");
};
