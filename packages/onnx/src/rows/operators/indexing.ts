import { knownSize, type Size, sizeOf } from "../size";
import {
  followed,
  KNOWN_ELEMENTS_MAX,
  knownNumbers,
  moved,
  type RowsTensor,
  sameLayout,
  shared,
  type Traced,
  withRows,
} from "../traced";
import { fromFront, input, intOf, mixes, type Rule, type TracedNode, unknown } from "../traced-node";

const ROWS_BY_ROWS = "looks up with each row's indices in every row";
const PLACES = "looks up along the axis of the rows";

/** Elements along an axis by number. */
export const gather: Rule = (at) => {
  const [data, indices] = [input(at, 0)!, input(at, 1)!];
  if (indices.kind === "count") return mixes(at, "looks up by the number of rows in a batch");
  const picked = pickedNumbers(at, data, indices);
  if (picked !== null) return picked;
  if (data.kind === "count") return mixes(at, "computes with the number of rows in a batch");
  if (data.kind === "tainted" || indices.kind === "tainted") return data;
  if (data.kind === "rows" && indices.kind === "rows") return mixes(at, ROWS_BY_ROWS);
  if (data.shape === null || indices.shape === null)
    return data.kind === "rows" || indices.kind === "rows"
      ? unknown(at, "has an operand of an unknown number of axes")
      : shared(null);
  const axis = fromFront(intOf(at, "axis", 0), data.shape.length);
  if (axis === null) return unknown(at, "works along an axis that does not exist");
  const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
  if (indices.kind === "rows") return withRows(shape, moved(indices.rows, axis + indices.rows.axis));
  if (data.kind !== "rows") return shared(shape);
  if (data.rows.axis === axis) return mixes(at, PLACES);
  const behind = data.rows.axis > axis ? indices.shape.length - 1 : 0;
  return withRows(shape, moved(data.rows, data.rows.axis + behind));
};

/** Numbers of a list that is followed. */
function pickedNumbers(at: TracedNode, data: Traced, indices: Traced): Traced | null {
  if ((data.kind !== "shared" && data.kind !== "count") || data.known === null) return null;
  if (data.shape?.length !== 1 || indices.kind !== "shared" || indices.shape === null) return null;
  const places = knownNumbers(indices);
  if (places === null || intOf(at, "axis", 0) > 0 || places.length > KNOWN_ELEMENTS_MAX) return null;
  const { elements } = data.known;
  const picked = places.map((place) => elements[place < 0 ? place + elements.length : place]);
  if (picked.includes(undefined)) return null;
  return followed(indices.shape, { ...data.known, elements: picked as Size[] });
}

/** For each element one along an axis by number: all other axes of data and indices go together. */
export const gatherElements: Rule = (at) => alongAxis(at, [input(at, 0), input(at, 1)], 1);

/** Puts updates along an axis by number: all other axes go together. */
export const scatterElements: Rule = (at) => alongAxis(at, [input(at, 0), input(at, 1), input(at, 2)], 0);

/** Rows go together where all tensors have them on one axis that is not the one of the numbers. `shaped`: whose shape results. */
function alongAxis(at: TracedNode, tensors: readonly (Traced | null)[], shaped: number): Traced {
  const batched = tensors.filter((value): value is RowsTensor => value?.kind === "rows");
  const [first] = batched;
  const result = tensors[shaped]!;
  if (first === undefined) return result.kind === "shared" ? shared(result.shape) : result;
  const axis = fromFront(intOf(at, "axis", 0), first.shape.length);
  if (axis === null) return unknown(at, "works along an axis that does not exist");
  if (axis === first.rows.axis && shaped === 1 && tensors[0]?.kind === "shared" && batched.length === 1)
    return withRows(first.shape, first.rows);
  if (axis === first.rows.axis) return mixes(at, PLACES);
  for (const value of tensors) {
    if (value?.kind !== "rows") return mixes(at, "combines rows with what has as many of its own");
    if (value.rows.axis !== first.rows.axis) return mixes(at, ROWS_BY_ROWS);
    if (!sameLayout(value.rows, first.rows)) return unknown(at, "combines rows of different sizes");
  }
  return result as RowsTensor;
}

/** Slices of the first axes by tuples of numbers, behind axes that go together. */
export const gatherND: Rule = (at) => {
  const [data, indices] = [input(at, 0)!, input(at, 1)!];
  if (data.kind === "tainted" || indices.kind === "tainted") return data;
  if (data.kind === "shared" && indices.kind === "shared") return shared(null);
  if (data.shape === null || indices.shape === null)
    return unknown(at, "has an operand of an unknown number of axes");
  const together = intOf(at, "batch_dims", 0);
  const last = indices.shape.length - 1;
  const tuple = knownSize(indices.shape[last]!);
  if (tuple === null) return unknown(at, "looks up by tuples of an unknown length");
  const shape = [...indices.shape.slice(0, last), ...data.shape.slice(together + tuple)];
  if (indices.kind === "rows") {
    const { rows } = indices;
    if (rows.axis === last) return mixes(at, PLACES);
    if (data.kind !== "rows")
      return rows.axis >= together
        ? withRows(shape, rows)
        : mixes(at, "combines rows with what has as many of its own");
    if (rows.axis !== data.rows.axis || rows.axis >= together) return mixes(at, ROWS_BY_ROWS);
    return sameLayout(rows, data.rows)
      ? withRows(shape, rows)
      : unknown(at, "combines rows of different sizes");
  }
  if (data.kind !== "rows") return shared(shape);
  const behind = data.rows.axis - together - tuple;
  return behind < 0 ? mixes(at, PLACES) : withRows(shape, moved(data.rows, last + behind));
};

/** Puts slices at places given by tuples of numbers, which must not lead to other rows. */
export const scatterND: Rule = (at) => {
  const [data, indices, updates] = [input(at, 0)!, input(at, 1)!, input(at, 2)!];
  if ([data, indices, updates].every(({ kind }) => kind === "shared"))
    return data.kind === "shared" ? shared(data.shape) : data;
  if (data.kind !== "rows" || updates.kind !== "rows" || indices.kind !== "shared")
    return mixes(at, "puts values at places among the rows");
  const last = indices.shape === null ? null : indices.shape.length - 1;
  const tuple = last === null ? null : knownSize(indices.shape![last]!);
  if (last === null || tuple === null) return unknown(at, "puts values by tuples of an unknown length");
  const behind = data.rows.axis - tuple;
  if (behind < 0) return mixes(at, "puts values at places among the rows");
  if (updates.rows.axis !== last + behind) return mixes(at, ROWS_BY_ROWS);
  return sameLayout(data.rows, updates.rows) ? data : unknown(at, "combines rows of different sizes");
};

/** Features by number from the last axis. */
export const featureExtractor: Rule = (at) => {
  const [data, indices] = [input(at, 0)!, input(at, 1)!];
  if (indices.kind !== "shared") return mixes(at, "looks up by what the rows say");
  if (data.kind !== "rows") return shared(null);
  const last = data.shape.length - 1;
  if (data.rows.axis === last) return mixes(at, PLACES);
  const count = indices.shape?.at(-1) ?? sizeOf(1);
  return withRows([...data.shape.slice(0, last), count], data.rows);
};
