import { resized } from "../layout";
import { one } from "../size";
import { type RowsTensor, shared, type Traced, withRows } from "../traced";
import { input, mixes, type Rule, type TracedNode, unknown } from "../traced-node";

/** Each row of a table by itself: features lie on the last of two axes. Without that axis all elements are one row. */
function tableFault(at: TracedNode, value: Traced): Traced | null {
  if (value.kind !== "rows") return value.kind === "shared" ? null : value;
  if (value.shape.length === 2 && value.rows.axis === 0) return null;
  return value.shape.length === 1
    ? mixes(at, "takes values without a second axis for one row of a table")
    : unknown(at, "takes a tensor that is no table");
}

/** A classifier: a label for each row, and scores of all classes. */
export const classifier: Rule = (at) => {
  const value = input(at, 0)!;
  const fault = tableFault(at, value);
  if (fault !== null) return fault;
  if (value.kind !== "rows") return shared(null);
  return [withRows([value.shape[0]!], value.rows), scores(at, value)];
};

/** A regression: one or more numbers for each row. */
export const regressor: Rule = (at) => {
  const value = input(at, 0)!;
  const fault = tableFault(at, value);
  if (fault !== null) return fault;
  return value.kind === "rows" ? scores(at, value) : shared(null);
};

function scores(at: TracedNode, value: RowsTensor): Traced {
  return withRows([value.shape[0]!, at.symbols.fresh()], value.rows);
}

/** Features scaled, filled in or normalised row by row. */
export const features: Rule = (at) => {
  const value = input(at, 0)!;
  const fault = tableFault(at, value);
  if (fault !== null) return fault;
  return value.kind === "shared" ? shared(value.shape) : value;
};

/** Tables of the same rows side by side. */
export const featureVectorizer: Rule = (at) => {
  const values = at.inputs.filter((value) => value !== null);
  const [first] = values;
  if (first === undefined || values.some(({ kind }) => kind !== "rows"))
    return unknown(at, "puts beside the rows what has none");
  const fault = values.map((value) => tableFault(at, value)).find((found) => found !== null);
  return fault ?? resized(first, 1, at.symbols.fresh());
};

/** A new last axis with a mark for each category. */
export const oneHotEncoder: Rule = (at) => {
  const value = input(at, 0)!;
  if (value.kind !== "rows") return shared(null);
  return withRows([...value.shape, at.symbols.fresh()], value.rows);
};

/** Weights of words and their neighbours for each row of two axes. */
export const textWeights: Rule = (at) => {
  const value = input(at, 0)!;
  const fault = tableFault(at, value);
  if (fault !== null) return fault;
  return value.kind === "rows" ? resized(value, 1, at.symbols.fresh()) : shared(null);
};

/** Cut or filled up to the longest of all rows. */
export const toLongest: Rule = (at) =>
  at.inputs.some((value) => value?.kind === "rows")
    ? mixes(at, "is as long as the longest of all rows")
    : shared(null);

/** Picks out what is there, of however many there are. */
export const sizedByValues: Rule = (at) =>
  at.inputs.some((value) => value?.kind === "rows")
    ? mixes(at, "answers as many elements as the values of all rows say")
    : shared(null);

/** Embeddings of words, of their places and of their segment, normalised. */
export const embedNormalization: Rule = (at) => {
  const [words, segments] = at.inputs;
  if (words?.kind !== "rows") return words?.kind === "shared" ? shared(null) : unknown(at, "has no words");
  const others = [...at.inputs.entries()].filter(([index]) => index > 1 && index < 7);
  if (others.some(([, value]) => value?.kind === "rows"))
    return mixes(at, "takes weights that differ from row to row");
  const beside = [segments, input(at, 7), input(at, 8)].filter((value) => value != null);
  for (const value of [words, ...beside])
    if (value.kind !== "rows" || value.rows.axis !== 0)
      return unknown(at, "takes an input whose rows lie elsewhere");
  const embedded = withRows([...words.shape, at.symbols.fresh()], words.rows);
  return [embedded, withRows([words.shape[0] ?? one], words.rows), embedded];
};
