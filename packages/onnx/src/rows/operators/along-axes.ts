import { broadcast } from "../broadcast";
import { isPlain, resized, withoutAxes } from "../layout";
import { knownSize, one, product, type Size, sizeOf } from "../size";
import {
  followed,
  knownNumbers,
  type RowsTensor,
  type SharedTensor,
  shared,
  type Traced,
  withRows,
} from "../traced";
import { fromFront, input, intOf, intsOf, mixes, type Rule, type TracedNode, unknown } from "../traced-node";
import { withoutValues } from "./elementwise";

/** Folds whole axes into one element: those of the attribute or of the second input, all of them where neither is given. */
export const reduction: Rule = (at) => {
  const value = input(at, 0)!;
  const whole = productOfSizes(at, value);
  if (whole !== null) return whole;
  if (value.kind !== "rows" && value.kind !== "shared")
    return mixes(at, "computes with the number of rows in a batch");
  const stated = input(at, 1);
  const axes = stated === null ? intsOf(at, "axes") : knownNumbers(stated);
  if (stated !== null && axes === null) return unknown(at, "reduces over axes that are not constant");
  if ((axes === null || axes.length === 0) && intOf(at, "noop_with_empty_axes", 0) === 1) return value;
  return folded(at, value, axes === null || axes.length === 0 ? [...(value.shape ?? []).keys()] : axes);
};

/** The place of the largest or smallest element along one axis. */
export const argument: Rule = (at) => {
  const value = input(at, 0)!;
  if (value.kind !== "rows" && value.kind !== "shared") return value;
  return folded(at, value, [intOf(at, "axis", 0)]);
};

function folded(at: TracedNode, value: RowsTensor | SharedTensor, axes: readonly number[]): Traced {
  if (value.shape === null) return shared(null);
  const fronts = axes.map((axis) => fromFront(axis, value.shape!.length));
  if (fronts.includes(null)) return unknown(at, "reduces over an axis that does not exist");
  if (value.kind === "rows" && fronts.includes(value.rows.axis))
    return mixes(at, "reduces over the axis of the rows");
  const gone = new Set(fronts as number[]);
  const keeps = intOf(at, "keepdims", 1) === 1;
  if (value.kind === "rows" && !keeps) return withoutAxes(value, gone);
  const shape = value.shape.flatMap((size, axis) => (gone.has(axis) ? (keeps ? [one] : []) : [size]));
  return value.kind === "rows" ? { ...value, shape } : shared(shape);
}

/** A product of sizes is a size; other folds of numbers that are followed are let go. */
function productOfSizes(at: TracedNode, value: Traced): Traced | null {
  if (at.opType !== "ReduceProd" || intOf(at, "keepdims", 1) === 1) return null;
  if ((value.kind !== "shared" && value.kind !== "count") || value.known === null) return null;
  if (value.shape?.length !== 1) return null;
  return followed([], { elements: [product(value.known.elements)], integer: value.known.integer });
}

/** Works along one axis and leaves the shape: a softmax, a norm, a sum so far. */
export function alongAxis(fallback: number, name = "axis"): Rule {
  return (at) => {
    const value = withoutValues(input(at, 0)!);
    if (value.kind !== "rows") return value;
    const axis = fromFront(intOf(at, name, fallback), value.shape.length);
    if (axis === null) return unknown(at, "works along an axis that does not exist");
    return axis === value.rows.axis ? mixes(at, "works along the axis of the rows") : value;
  };
}

/** A softmax: along one axis, before operator set 13 over that axis and all behind it. */
export const softmax: Rule = (at) =>
  at.opset >= 13 ? alongAxis(-1)(at) : fromAxis(1, "normalises over the axis of the rows")(at);

/** Works over an axis and all behind it, with further inputs stretched over those: a layer normalisation. */
export function fromAxis(fallback: number, why = "normalises over the axis of the rows"): Rule {
  return (at) => {
    const value = withoutValues(input(at, 0)!);
    if (value.kind !== "rows") return withParameters(at, value);
    const together = withParameters(at, value);
    if (together.kind === "tainted") return together;
    const axis = fromFront(intOf(at, "axis", fallback), value.shape.length);
    if (axis === null) return unknown(at, "works along an axis that does not exist");
    if (value.rows.axis >= axis) return mixes(at, why);
    const statistics = value.shape.map((size, index) => (index >= axis ? one : size));
    return Array.from({ length: Math.max(1, at.outputs) }, (_, index) =>
      index === 0 ? value : { ...value, shape: statistics },
    );
  };
}

/** A value beside parameters that are stretched over it and that no row may change. */
function withParameters(at: TracedNode, value: Traced): Traced {
  const parameters = at.inputs.slice(1).filter((parameter) => parameter !== null);
  if (parameters.some(({ kind }) => kind === "rows"))
    return mixes(at, "takes a parameter that differs from row to row");
  const together = broadcast(at, [value, ...parameters]);
  return together.kind === "tainted" ? together : value;
}

/** A sum or product so far along an axis that the second input names. */
export const cumulative: Rule = (at) => {
  const value = withoutValues(input(at, 0)!);
  if (value.kind !== "rows") return value;
  const axis = knownNumbers(input(at, 1))?.[0];
  const front = axis === undefined ? null : fromFront(axis, value.shape.length);
  if (front === null) return unknown(at, "works along an axis that is not constant");
  return front === value.rows.axis ? mixes(at, "adds up along the axis of the rows") : value;
};

/** Normalises channels of each picture with parameters for each channel: rows lie on the first axis. */
export const perPicture: Rule = (at) => {
  if (at.inputs.slice(1).some((parameter) => parameter?.kind === "rows"))
    return mixes(at, "takes a parameter that differs from row to row");
  const value = withoutValues(input(at, 0)!);
  if (value.kind !== "rows" || value.rows.axis === 0) return value;
  return mixes(at, "works over the axis that the rows are on");
};

/** A batch normalisation by the moments that were learnt; one that trains takes those of the batch. */
export const batchNormalization: Rule = (at) => {
  const trains = at.opset >= 14 ? intOf(at, "training_mode", 0) === 1 : at.outputs > 1;
  if (trains) return mixes(at, "takes mean and variance of the whole batch, for it trains");
  if (at.opset < 7) return unknown(at, "of an operator set before 7 may train");
  return perPicture(at);
};

/** Axes whose moments are taken, the first among them unless told. */
export const meanVariance: Rule = (at) => {
  const value = withoutValues(input(at, 0)!);
  if (value.kind !== "rows") return value;
  const axes = (intsOf(at, "axes") ?? [0, 2, 3]).map((axis) => fromFront(axis, value.shape.length));
  if (axes.includes(null)) return unknown(at, "works along an axis that does not exist");
  return axes.includes(value.rows.axis) ? mixes(at, "takes mean and variance over the rows") : value;
};

/** The largest elements along an axis and where they are. */
export const topK: Rule = (at) => {
  const value = withoutValues(input(at, 0)!);
  const count = at.opset < 10 ? sizeOf(intOf(at, "k", 0)) : countOf(at);
  if (count === null) return mixes(at, "takes as many elements as the rows say");
  if (value.kind === "tainted" || value.shape === null) return value;
  const axis = fromFront(intOf(at, "axis", -1), value.shape.length);
  if (axis === null) return unknown(at, "works along an axis that does not exist");
  if (value.kind === "rows" && value.rows.axis === axis) return mixes(at, "sorts the axis of the rows");
  return resized(value, axis, count);
};

function countOf(at: TracedNode): Size | null {
  const count = input(at, 1);
  if (count?.kind !== "shared") return null;
  const [known] = count.known?.elements ?? [];
  return known ?? at.symbols.fresh();
}

/** Turns round the first elements of each row's sequence. */
export const reverseSequence: Rule = (at) => {
  const value = withoutValues(input(at, 0)!);
  const lengths = input(at, 1);
  const [batch, time] = [intOf(at, "batch_axis", 1), intOf(at, "time_axis", 0)];
  if (value.kind !== "rows" && lengths?.kind !== "rows") return value;
  if (value.kind !== "rows" || lengths?.kind !== "rows" || value.rows.axis !== batch || time === batch)
    return mixes(at, "turns round the axis of the rows");
  return isPlain(value) && isPlain(lengths) ? value : unknown(at, "has several sequences for each row");
};

/** Keeps a triangle of the last two axes. */
export const lastTwoAxes: Rule = (at) => {
  const value = withoutValues(input(at, 0)!);
  if (input(at, 1)?.kind === "rows") return mixes(at, "takes a parameter that differs from row to row");
  if (value.kind !== "rows" || value.rows.axis < value.shape.length - 2) return value;
  return mixes(at, "works over the axis that the rows are on");
};

/** A determinant of the last two axes. */
export const determinant: Rule = (at) => {
  const value = lastTwoAxes(at) as Traced;
  if (value.kind !== "rows") return value.kind === "tainted" ? value : shared(null);
  const rank = value.shape.length;
  return withoutAxes(value, new Set([rank - 2, rank - 1]));
};

/** A mark in a new axis for each index. */
export const oneHot: Rule = (at) => {
  const [indices, depth, values] = at.inputs;
  if (depth?.kind !== "shared" || values?.kind !== "shared")
    return mixes(at, "takes its depth or its values from the rows");
  if (indices?.kind !== "rows") return shared(null);
  const rank = indices.shape.length + 1;
  const axis = fromFront(intOf(at, "axis", -1), rank);
  if (axis === null) return unknown(at, "works along an axis that does not exist");
  const size = depth.known?.elements[0] ?? at.symbols.fresh();
  const shape = [...indices.shape.slice(0, axis), size, ...indices.shape.slice(axis)];
  const moved = indices.rows.axis < axis ? indices.rows.axis : indices.rows.axis + 1;
  return withRows(shape, { ...indices.rows, axis: moved });
};

/** Trades picture for channels by blocks, each picture by itself. */
export const blocks: Rule = (at) => {
  const value = withoutValues(input(at, 0)!);
  if (value.kind === "tainted" || value.shape === null) return value;
  if (value.kind === "rows" && value.rows.axis !== 0)
    return mixes(at, "moves elements along the axis of the rows");
  const edge = intOf(at, "blocksize", 1);
  const grows = at.opType === "DepthToSpace";
  const shape = value.shape.map((size, axis) => {
    const [by, up] = axis === 1 ? [edge * edge, !grows] : [edge, grows];
    if (axis === 0) return size;
    const number = knownSize(size);
    if (up) return product([size, sizeOf(by)]);
    return number === null ? at.symbols.of(`block ${by}`, [size]) : sizeOf(Math.floor(number / by));
  });
  return value.kind === "rows" ? withRows(shape, value.rows) : shared(shape);
};

/** Takes its scale from the whole tensor as it runs. */
export const wholeTensorScale: Rule = (at) =>
  at.inputs.some((value) => value?.kind === "rows")
    ? mixes(at, "takes its scale from all rows of a batch")
    : shared(null);

/** Normalises along one axis by a window of channels. */
export const localResponse: Rule = (at) => {
  const value = withoutValues(input(at, 0)!);
  return value.kind === "rows" && value.rows.axis === 1
    ? mixes(at, "works along the axis of the rows")
    : value;
};
