import { takenElements } from "../followed-elements";
import { resized, sumOf } from "../layout";
import { countsRows, knownSize, rowCount, type Size, sameSize, sizeOf } from "../size";
import {
  type CountTensor,
  followed,
  KNOWN_ELEMENTS_MAX,
  knownNumbers,
  type RowsTensor,
  type SharedTensor,
  sameLayout,
  shared,
  type Traced,
} from "../traced";
import {
  fromFront,
  hasAttribute,
  input,
  intOf,
  intsOf,
  mixes,
  type Rule,
  type TracedNode,
  unknown,
} from "../traced-node";

const COUNTS = "computes with the number of rows in a batch";
/** Bounds of a slice from here on mean the end of the axis: exporters write such where they mean it, and no batch is as large. */
const FAR = 1_000_000_000;

/** Tensors one behind another along an axis. */
export const concat: Rule = (at) => {
  const parts = at.inputs.filter((value) => value !== null);
  if (parts.length === 1) return parts[0]!;
  const batched = parts.filter((part): part is RowsTensor => part.kind === "rows");
  const [first] = batched;
  if (first === undefined) return joinedNumbers(at, parts as (SharedTensor | CountTensor)[]);
  const rank = first.shape.length;
  const axis = fromFront(intOf(at, "axis", 1), rank);
  if (axis === null) return unknown(at, "works along an axis that does not exist");
  if (axis === first.rows.axis) return mixes(at, "puts rows one behind another");
  for (const part of parts) {
    if (part.kind !== "rows")
      return mixes(at, "puts beside the rows what has as many rows of its own, whatever their number");
    if (part.rows.axis !== first.rows.axis || part.shape.length !== rank)
      return mixes(at, "puts the row axis of one operand beside another axis of the other");
    if (!sameLayout(part.rows, first.rows)) return unknown(at, "combines rows of different sizes");
  }
  return resized(
    first,
    axis,
    sumOf(
      at,
      batched.map(({ shape }) => shape[axis]!),
    ),
  );
};

function joinedNumbers(at: TracedNode, parts: readonly (SharedTensor | CountTensor)[]): Traced {
  const elements = parts.flatMap(({ known }) => known?.elements ?? []);
  const flat = parts.every(({ shape }) => shape?.length === 1);
  if (flat && parts.every(({ known }) => known !== null) && elements.length <= KNOWN_ELEMENTS_MAX)
    return followed([sizeOf(elements.length)], {
      elements,
      integer: parts[0]!.known!.integer,
    });
  if (flat && parts.every((part) => part.known !== null || knownSize(part.shape![0]!) !== null))
    return joinedPartly(at, parts);
  if (parts.some(({ kind }) => kind === "count")) return mixes(at, COUNTS);
  const shapes = parts.map(({ shape }) => shape);
  const [shape] = shapes;
  if (shape == null || shapes.includes(null)) return shared(null);
  const axis = fromFront(intOf(at, "axis", 1), shape.length);
  return axis === null
    ? shared(null)
    : resized(
        parts[0]!,
        axis,
        sumOf(
          at,
          shapes.map((of) => of![axis]!),
        ),
      );
}

/** Lists of which some hold numbers that are not known: those become symbols. */
function joinedPartly(at: TracedNode, parts: readonly (SharedTensor | CountTensor)[]): Traced {
  const elements = parts.flatMap(
    ({ known, shape }) =>
      known?.elements ?? Array.from({ length: knownSize(shape![0]!) ?? 0 }, () => at.symbols.fresh("whole")),
  );
  if (elements.length > KNOWN_ELEMENTS_MAX) return unknown(at, "makes a list that is too long to follow");
  return followed([sizeOf(elements.length)], { elements, integer: true });
}

/** A tensor in parts along an axis. */
export const split: Rule = (at) => {
  const value = input(at, 0)!;
  if (value.kind === "tainted" || value.shape === null) return value;
  if (input(at, 1)?.kind === "rows") return mixes(at, "takes its sizes from the rows");
  const axis = fromFront(intOf(at, "axis", 0), value.shape.length);
  if (axis === null) return unknown(at, "works along an axis that does not exist");
  if (value.kind === "rows" && value.rows.axis === axis) return mixes(at, "parts the axis of the rows");
  const sizes = partsOf(at, value.shape[axis]!);
  let start = 0;
  return sizes.map((size) => {
    const part = slicedNumbers(value, start, knownSize(size));
    start += knownSize(size) ?? Number.NaN;
    if (part !== null) return part;
    return value.kind === "count" ? mixes(at, COUNTS) : resized(value, axis, size);
  });
};

function partsOf(at: TracedNode, whole: Size): Size[] {
  const stated = intsOf(at, "split") ?? knownNumbers(input(at, 1));
  if (stated !== null) return stated.map(sizeOf);
  const count = hasAttribute(at, "num_outputs") ? intOf(at, "num_outputs", 1) : at.outputs;
  const size = knownSize(whole);
  const stretch = size === null ? null : Math.ceil(size / count);
  return Array.from({ length: at.outputs }, (_, index) =>
    size === null || stretch === null || input(at, 1) !== null
      ? at.symbols.fresh()
      : sizeOf(Math.min(stretch, size - stretch * index)),
  );
}

/** Part of a list that is followed. */
function slicedNumbers(value: Traced, start: number, size: number | null): Traced | null {
  if ((value.kind !== "shared" && value.kind !== "count") || value.known === null) return null;
  if (value.shape?.length !== 1 || size === null || Number.isNaN(start)) return null;
  const elements = value.known.elements.slice(start, start + size);
  return followed([sizeOf(elements.length)], { ...value.known, elements });
}

/** A range of each axis. */
export const slice: Rule = (at) => {
  const value = input(at, 0)!;
  if (value.kind === "tainted" || value.shape === null) return value;
  const bounds = boundsOf(at, value.shape.length);
  if (bounds === null) {
    const all = at.inputs.every((part) => part === null || part.kind === "shared");
    if (all) return shared(null);
    return at.inputs.slice(1).some((part) => part?.kind === "rows")
      ? mixes(at, "cuts at places that the rows say")
      : unknown(at, "cuts along axes that are not constant");
  }
  const numbers = slicedElements(value, bounds);
  if (numbers !== null) return numbers;
  if (value.kind === "count") return mixes(at, COUNTS);
  return bounds.reduce<Traced>(
    (cut, range) => (cut.kind === "tainted" ? cut : slicedAxis(at, cut, range)),
    value,
  );
};

/** Null start or end: not known, the same for all rows. `counts`: it is computed from the number of rows. */
interface Range {
  readonly axis: number;
  readonly start: Size | null;
  readonly end: Size | null;
  readonly step: number | null;
}

function boundsOf(at: TracedNode, rank: number): Range[] | null {
  const listed = at.opset < 10;
  const list = (name: string, index: number) =>
    listed ? (intsOf(at, name)?.map(sizeOf) ?? null) : elementsOf(input(at, index));
  const [starts, ends] = [list("starts", 1), list("ends", 2)];
  const steps = listed || input(at, 4) === null ? null : elementsOf(input(at, 4));
  const stated = listed ? intsOf(at, "axes") : knownNumbers(input(at, 3));
  if (!listed && input(at, 3) !== null && stated === null) return null;
  if (at.inputs.slice(1).some((part) => part?.kind === "rows")) return null;
  const count = stated?.length ?? starts?.length ?? ends?.length;
  if (count === undefined) return null;
  const axes = stated ?? Array.from({ length: count }, (_, index) => index);
  const fronts = axes.map((axis) => fromFront(axis, rank));
  if (fronts.includes(null)) return null;
  return fronts.map((axis, index) => ({
    axis: axis!,
    start: starts?.[index] ?? null,
    end: ends?.[index] ?? null,
    step: input(at, 4) === null || listed ? 1 : steps === null ? null : knownSize(steps[index] ?? sizeOf(1)),
  }));
}

function elementsOf(list: Traced | null): readonly Size[] | null {
  if (list?.kind !== "shared" && list?.kind !== "count") return null;
  return list.known?.elements ?? null;
}

function slicedAxis(at: TracedNode, value: Traced, { axis, start, end, step }: Range): Traced {
  const tensor = value as RowsTensor | SharedTensor;
  const size = tensor.shape![axis]!;
  const fromZero = start !== null && knownSize(start) === 0;
  const toEnd = end !== null && (sameSize(end, size) || (knownSize(end) ?? 0) >= FAR);
  if (fromZero && toEnd && step === 1) return tensor;
  if (tensor.kind === "rows" && tensor.rows.axis === axis) return mixes(at, "cuts the axis of the rows");
  if ([start, end].some((bound) => bound !== null && countsRows(bound)))
    return mixes(at, "cuts at a place that depends on the number of rows");
  return resized(tensor, axis, lengthOf(at, size, { axis, start, end, step }));
}

function lengthOf(at: TracedNode, size: Size, { start, end, step }: Range): Size {
  const known = knownSize(size);
  const [from, to] = [start && knownSize(start), end && knownSize(end)];
  if (from === null || to === null || step === null || step < 1) return at.symbols.fresh();
  if (known !== null) {
    const clamp = (place: number) => Math.min(known, Math.max(0, place < 0 ? place + known : place));
    return sizeOf(Math.max(0, Math.ceil((clamp(to) - clamp(from)) / step)));
  }
  return at.symbols.of(`slice ${from} ${to} ${step}`, [size]);
}

/** Ranges of a small tensor that is followed; null where it is not, or where a bound is not known. */
function slicedElements(value: Traced, bounds: readonly Range[]): Traced | null {
  if (value.kind !== "shared" && value.kind !== "count") return null;
  const places: number[][] = [];
  for (const { axis, start, end, step } of bounds) {
    const size = knownSize(value.shape?.[axis] ?? rowCount);
    const [from, to] = [start && knownSize(start), end && knownSize(end)];
    if (size === null || from === null || to === null || step === null || step === 0) return null;
    places[axis] = placesOf(size, from, to, step);
  }
  return takenElements(value, places);
}

function placesOf(size: number, from: number, to: number, step: number): number[] {
  const front = (place: number) => (place < 0 ? place + size : place);
  const last = step > 0 ? size : size - 1;
  const clamp = (place: number) => Math.min(last, Math.max(step > 0 ? 0 : -1, front(place)));
  const [first, end] = [clamp(from), clamp(to)];
  return Array.from({ length: Math.max(0, Math.ceil((end - first) / step)) }, (_, k) => first + k * step);
}

/** Adds elements around; none before or behind the rows. */
export const pad: Rule = (at) => {
  const value = input(at, 0)!;
  if (value.kind === "tainted" || value.shape === null) return value;
  if (at.inputs.slice(1).some((part) => part?.kind === "rows")) return mixes(at, "adds what the rows say");
  const stated = intsOf(at, "pads") ?? intsOf(at, "paddings");
  const widths = stated !== null ? stated.map(sizeOf) : elementsOf(input(at, 1));
  const named = input(at, 3);
  const axes = named === null ? [...value.shape.keys()] : knownNumbers(named);
  if (widths === null || axes === null || widths.length !== 2 * axes.length)
    return value.kind === "shared"
      ? shared(null)
      : unknown(at, "adds elements along axes that are not constant");
  const fronts = axes.map((axis) => fromFront(axis, value.shape!.length));
  let padded: Traced = value.kind === "shared" ? shared(value.shape) : value;
  for (const [index, axis] of fronts.entries()) {
    const around = [widths[index]!, widths[index + axes.length]!];
    if (axis === null) return unknown(at, "works along an axis that does not exist");
    if (around.every((width) => knownSize(width) === 0)) continue;
    if (value.kind === "rows" && value.rows.axis === axis) return mixes(at, "adds elements around the rows");
    if (around.some((width) => countsRows(width))) return mixes(at, COUNTS);
    padded = resized(padded, axis, sumOf(at, [value.shape[axis]!, ...around]));
  }
  return padded;
};

/** Elements of an axis where a condition holds, the same ones in every row. */
export const compress: Rule = (at) => {
  const [value, condition] = [input(at, 0)!, input(at, 1)!];
  if (condition.kind !== "shared") return mixes(at, "keeps as many elements as the rows say");
  if (value.kind !== "rows") return shared(null);
  if (!hasAttribute(at, "axis")) return mixes(at, "puts rows one behind another");
  const axis = fromFront(intOf(at, "axis", 0), value.shape.length);
  if (axis === null) return unknown(at, "works along an axis that does not exist");
  if (axis === value.rows.axis) return mixes(at, "drops rows");
  return resized(value, axis, at.symbols.fresh());
};
