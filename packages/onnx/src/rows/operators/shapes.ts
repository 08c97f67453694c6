import { broadcastShapes } from "../broadcast";
import { knownTensor } from "../constant";
import { turnedElements } from "../followed-elements";
import { repeatedRows, reshaped, transposed, unsqueezed, withoutAxes } from "../layout";
import { countsRows, isOne, knownSize, one, product, type Size, sameSize, sizeOf } from "../size";
import {
  type CountTensor,
  followed,
  KNOWN_ELEMENTS_MAX,
  knownNumbers,
  type SharedTensor,
  shared,
  type Traced,
  withRows,
} from "../traced";
import {
  fromFront,
  input,
  intOf,
  intsOf,
  mixes,
  type Rule,
  type TracedNode,
  tensorOf,
  unknown,
} from "../traced-node";

const FROM_ROWS = "takes its shape from the values of the rows";
const COUNTS = "computes with the number of rows in a batch";

/** Sizes of the axes. */
export const shapeRule: Rule = (at) => {
  const value = input(at, 0)!;
  if (value.kind === "tainted" || value.shape === null)
    return value.kind === "tainted" ? value : shared(null);
  const { length } = value.shape;
  const clamp = (axis: number) => Math.min(length, Math.max(0, axis < 0 ? axis + length : axis));
  const [start, end] = [clamp(intOf(at, "start", 0)), clamp(intOf(at, "end", length))];
  const elements = value.shape.slice(start, Math.max(start, end));
  return followed([sizeOf(elements.length)], { elements, integer: true });
};

/** Number of elements. */
export const sizeRule: Rule = (at) => {
  const value = input(at, 0)!;
  if (value.kind === "tainted" || value.shape === null) return value.kind === "tainted" ? value : shared([]);
  return followed([], { elements: [product(value.shape)], integer: true });
};

export const reshape: Rule = (at) => {
  const value = input(at, 0)!;
  const target = at.opset < 5 ? shared([], null) : input(at, 1)!;
  if (target.kind === "rows") return mixes(at, FROM_ROWS);
  const stated = intsOf(at, "shape");
  const asked = stated !== null ? stated.map(sizeOf) : sizesOf(at, target);
  if (asked === null)
    return value.kind === "shared" && target.kind === "shared"
      ? shared(null)
      : unknown(at, "has a shape that is not followed");
  return reshaped(at, value, asked, intOf(at, "allowzero", 0) === 0);
};

/** Sizes that a tensor holds; of one whose values are not known, as many unlike numbers as it has. */
function sizesOf(at: TracedNode, target: Traced): readonly Size[] | null {
  if (target.kind !== "shared" && target.kind !== "count") return null;
  if (target.known !== null) return target.known.elements;
  const length = target.shape?.length === 1 ? knownSize(target.shape[0]!) : null;
  return length === null || length > KNOWN_ELEMENTS_MAX
    ? null
    : Array.from({ length }, () => at.symbols.fresh("whole"));
}

export const flatten: Rule = (at) => {
  const value = input(at, 0)!;
  if (value.kind === "tainted" || value.shape === null) return value;
  const rank = value.shape.length;
  const stated = intOf(at, "axis", 1);
  const axis = stated < 0 ? stated + rank : stated;
  return reshaped(at, value, [product(value.shape.slice(0, axis)), product(value.shape.slice(axis))], false);
};

export const transpose: Rule = (at) => {
  const value = input(at, 0)!;
  if (value.kind === "tainted" || value.shape === null) return value;
  const perm = intsOf(at, "perm") ?? [...value.shape.keys()].reverse();
  const whole = perm.length === value.shape.length && perm.every((axis) => axis >= 0 && axis < perm.length);
  const turned = whole ? turnedElements(value, perm) : null;
  if (turned !== null) return turned;
  if (value.kind === "count" && value.shape.length > 1) return mixes(at, COUNTS);
  return whole ? transposed(value, perm) : unknown(at, "orders axes that do not exist");
};

export const unsqueeze: Rule = (at) => {
  const axes = at.opset < 13 ? intsOf(at, "axes") : knownNumbers(input(at, 1));
  if (axes !== null) return unsqueezed(at, input(at, 0)!, axes);
  return input(at, 0)?.kind === "shared" ? shared(null) : unknown(at, "has axes that are not constant");
};

export const squeeze: Rule = (at) => {
  const value = input(at, 0)!;
  if (value.kind === "tainted" || value.shape === null) return value;
  const stated =
    at.opset < 13 ? intsOf(at, "axes") : at.inputs[1] == null ? null : knownNumbers(input(at, 1));
  const implied = at.opset < 13 || at.inputs[1] == null;
  if (stated === null && !implied)
    return value.kind === "shared" ? shared(null) : unknown(at, "has axes that are not constant");
  const axes = stated?.map((axis) => fromFront(axis, value.shape!.length)) ?? impliedAxes(value.shape);
  if (axes === null) {
    if (value.kind === "shared") return shared(null);
    return mixes(at, "drops every axis of size one, also that of the rows where there is one row");
  }
  if (value.kind !== "rows") {
    const shape = value.shape.filter((_, axis) => !axes.includes(axis));
    return { ...value, shape };
  }
  if (axes.includes(value.rows.axis))
    return mixes(at, "drops the axis of the rows, as if there were one row");
  return withoutAxes(value, new Set(axes.filter((axis) => axis !== null)));
};

/** Axes that are of size one for certain, where all others are not; null where it is not certain. */
function impliedAxes(shape: readonly Size[]): number[] | null {
  if (shape.some((size) => knownSize(size) === null)) return null;
  return shape.flatMap((size, axis) => (isOne(size) ? [axis] : []));
}

export const expand: Rule = (at) => {
  const [value, target] = [input(at, 0)!, input(at, 1)!];
  if (target.kind === "rows") return mixes(at, FROM_ROWS);
  const asked = sizesOf(at, target);
  if (value.kind === "tainted") return value;
  if (asked === null || value.shape === null)
    return value.kind === "shared" && target.kind === "shared"
      ? shared(null)
      : unknown(at, "has a shape that is not followed");
  if (value.kind === "count") return expandedNumbers(at, value, asked);
  return value.kind === "rows" ? expandedRows(at, value, asked) : expandedShared(at, value, asked);
};

function expandedRows(
  at: TracedNode,
  value: Extract<Traced, { kind: "rows" }>,
  asked: readonly Size[],
): Traced {
  const rank = Math.max(value.shape.length, asked.length);
  const axis = value.rows.axis + rank - value.shape.length;
  const beside = asked[axis - rank + asked.length];
  const size = value.shape[value.rows.axis]!;
  if (beside !== undefined && !isOne(beside) && !sameSize(beside, size))
    return mixes(at, "stretches the axis of the rows to a size of its own");
  const others = asked.filter((_, index) => index !== axis - rank + asked.length);
  if (others.some(countsRows)) return mixes(at, "stretches another axis by the number of rows");
  return withRows(broadcastShapes([value.shape, asked], at.symbols), { ...value.rows, axis });
}

/** Values that are the same for all rows, once for each row where they are stretched by the number of rows. */
function expandedShared(at: TracedNode, value: SharedTensor, asked: readonly Size[]): Traced {
  const shape = broadcastShapes([value.shape!, asked], at.symbols);
  const counting = asked.flatMap((size, axis) =>
    countsRows(size) ? [axis - asked.length + shape.length] : [],
  );
  const [axis] = counting;
  if (axis === undefined) return expandedNumbers(at, value, asked);
  const own = value.shape![axis - shape.length + value.shape!.length];
  if (counting.length > 1 || (own !== undefined && !isOne(own)))
    return mixes(at, "stretches values by the number of rows");
  return repeatedRows(shape, axis) ?? mixes(at, COUNTS);
}

/** One number over and over is followed. */
function expandedNumbers(at: TracedNode, value: SharedTensor | CountTensor, asked: readonly Size[]): Traced {
  const shape = broadcastShapes([value.shape!, asked], at.symbols);
  const count = knownSize(product(shape));
  if (
    value.known !== null &&
    value.known.elements.length === 1 &&
    count !== null &&
    count <= KNOWN_ELEMENTS_MAX
  )
    return followed(shape, {
      ...value.known,
      elements: Array.from({ length: count }, () => value.known!.elements[0]!),
    });
  return value.kind === "count" ? mixes(at, COUNTS) : shared(shape);
}

export const tile: Rule = (at) => {
  const [value, target] = [input(at, 0)!, input(at, 1)!];
  if (target.kind === "rows") return mixes(at, FROM_ROWS);
  const repeats = sizesOf(at, target);
  if (value.kind === "tainted") return value;
  if (value.kind === "count") return mixes(at, COUNTS);
  if (at.opset < 6 || repeats === null || value.shape === null)
    return value.kind === "shared" && target.kind === "shared"
      ? shared(null)
      : unknown(at, "repeats axes by a number that is not followed");
  const shape = value.shape.map((size, axis) => product([size, repeats[axis] ?? one]));
  const counting = repeats.flatMap((size, axis) => (countsRows(size) ? [axis] : []));
  const [axis] = counting;
  if (value.kind === "rows") {
    if (axis !== undefined) return mixes(at, "repeats rows by their number");
    const { rows } = value;
    return withRows(shape, { ...rows, outer: product([repeats[rows.axis] ?? one, rows.outer]) });
  }
  if (axis === undefined) return shared(shape);
  return (counting.length === 1 ? repeatedRows(shape, axis) : null) ?? mixes(at, COUNTS);
};

/** One value in a shape that is an input. */
export const constantOfShape: Rule = (at) => {
  const target = input(at, 0)!;
  if (target.kind === "rows") return mixes(at, FROM_ROWS);
  const shape = sizesOf(at, target);
  if (shape === null) return target.kind === "count" ? mixes(at, COUNTS) : shared(null);
  const counting = shape.flatMap((size, axis) => (countsRows(size) ? [axis] : []));
  const [axis] = counting;
  if (axis !== undefined)
    return (
      (counting.length === 1 ? repeatedRows(shape, axis) : null) ??
      mixes(at, "has several axes that count rows")
    );
  const tensor = tensorOf(at, "value");
  const known = tensor === undefined ? { elements: [sizeOf(0)], integer: false } : knownTensor(tensor);
  const count = knownSize(product(shape));
  const [element] = known?.elements ?? [];
  if (element === undefined || known === null || count === null || count > KNOWN_ELEMENTS_MAX || count < 0)
    return shared(shape);
  return followed(shape, { integer: known.integer, elements: Array.from({ length: count }, () => element) });
};

/** Numbers one after another. */
export const range: Rule = (at) => {
  const bounds = at.inputs.slice(0, 3);
  if (bounds.some((bound) => bound?.kind === "rows")) return mixes(at, FROM_ROWS);
  if (bounds.some((bound) => bound?.kind === "count")) return mixes(at, "numbers the rows of a batch");
  const known = bounds.map((bound) => knownNumbers(bound)?.[0]);
  const [start, limit, step] = known;
  const integer = bounds.every((bound) => bound?.kind === "shared" && bound.known?.integer);
  if (start !== undefined && limit !== undefined && step !== undefined && integer) {
    const count = Math.max(0, Math.ceil((limit - start) / step));
    if (count <= KNOWN_ELEMENTS_MAX)
      return followed([sizeOf(count)], {
        elements: Array.from({ length: count }, (_, index) => sizeOf(start + index * step)),
        integer,
      });
    return shared([sizeOf(count)]);
  }
  const [, end] = bounds;
  const upTo = start === 0 && step === 1 && end?.kind === "shared" ? end.known?.elements[0] : undefined;
  return shared([upTo ?? at.symbols.fresh()]);
};

/** The same values under another name. */
export const identity: Rule = (at) => input(at, 0)!;
