import { withoutAxes } from "../layout";
import { type Size, sameSize } from "../size";
import { type KnownValues, knownNumbers, sameLayout, shared, type Traced, withRows } from "../traced";
import {
  fromFront,
  graphOf,
  input,
  intOf,
  intsOf,
  mixes,
  type Rule,
  type TracedNode,
  unknown,
} from "../traced-node";

/** Times that what a loop carries is traced again until it no longer changes. */
const LOOP_TRACES_MAX = 6;
const ON_ROWS = "decides by what the rows say";

/** One of two bodies, by a condition that no row has a say in. */
export const conditional: Rule = (at) => {
  const condition = input(at, 0)!;
  if (condition.kind === "rows") return mixes(at, ON_ROWS);
  if (condition.kind === "count") return mixes(at, "decides by the number of rows in a batch");
  const [yes, no] = [graphOf(at, "then_branch"), graphOf(at, "else_branch")];
  if (yes === undefined || no === undefined) return unknown(at, "has no body");
  const chosen = knownNumbers(condition)?.[0];
  if (chosen !== undefined) return at.body(chosen === 0 ? no : yes, []);
  const [first, second] = [at.body(yes, []), at.body(no, [])];
  const cases = casesOf(at);
  return first.map((value, index) => joined(at, value, second[index]!, cases(index)));
};

/** A body over and over, as often as no row has a say in. */
export const loop: Rule = (at) => {
  const [trips, condition, ...carried] = at.inputs;
  const body = graphOf(at, "body");
  if (body === undefined) return unknown(at, "has no body");
  for (const said of [trips, condition]) {
    if (said?.kind === "rows") return mixes(at, ON_ROWS);
    if (said?.kind === "count") return mixes(at, "runs as often as there are rows");
  }
  const state = carried.map((value) => value ?? shared(null));
  const once = (values: readonly Traced[]) => at.body(body, [shared([]), shared([]), ...values]);
  const end = settled(at, state, (values) => once(values).slice(1, 1 + state.length));
  const outputs = once(end);
  const [goesOn] = outputs;
  if (goesOn !== undefined && goesOn.kind !== "shared")
    return goesOn.kind === "tainted" ? goesOn : mixes(at, "ends when the rows say so");
  const steps = at.symbols.fresh();
  return [...end, ...outputs.slice(1 + state.length).map((value) => stacked(at, value, steps, 0))];
};

/** A body over each element of an axis that is not that of the rows. */
export const scan: Rule = (at) => {
  const body = graphOf(at, "body");
  if (body === undefined || at.opset < 9) return unknown(at, "of an operator set before 9 is not followed");
  const scanned = intOf(at, "num_scan_inputs", 0);
  const values = at.inputs.map((value) => value ?? shared(null));
  const state = values.slice(0, values.length - scanned);
  const axes = intsOf(at, "scan_input_axes") ?? [];
  const parts = values.slice(state.length).map((value, index) => scannedPart(at, value, axes[index] ?? 0));
  const fault = parts.find(({ part }) => part.kind === "tainted");
  if (fault !== undefined) return fault.part;
  const once = (carried: readonly Traced[]) => at.body(body, [...carried, ...parts.map(({ part }) => part)]);
  const end = settled(at, state, (carried) => once(carried).slice(0, state.length));
  const steps = parts.map(({ size }) => size).find((size) => size !== null) ?? at.symbols.fresh();
  const outAxes = intsOf(at, "scan_output_axes") ?? [];
  const outputs = once(end).slice(state.length);
  return [...end, ...outputs.map((value, index) => stacked(at, value, steps, outAxes[index] ?? 0))];
};

function scannedPart(
  at: TracedNode,
  value: Traced,
  stated: number,
): { readonly part: Traced; readonly size: Size | null } {
  if (value.kind === "tainted" || value.shape === null) return { part: value, size: null };
  const axis = fromFront(stated, value.shape.length);
  if (axis === null) return { part: unknown(at, "steps along an axis that does not exist"), size: null };
  const size = value.shape[axis]!;
  if (value.kind === "rows")
    return value.rows.axis === axis
      ? { part: mixes(at, "steps along the axis of the rows"), size }
      : { part: withoutAxes(value, new Set([axis])), size };
  if (value.kind === "count") return { part: mixes(at, "computes with the number of rows in a batch"), size };
  return { part: shared(value.shape.filter((_, index) => index !== axis)), size };
}

/** What is carried from step to step, once another step adds nothing new to it. */
function settled(
  at: TracedNode,
  first: readonly Traced[],
  step: (carried: readonly Traced[]) => readonly Traced[],
): readonly Traced[] {
  const cases = casesOf(at);
  let carried = first.map((value) => (value.kind === "shared" ? shared(value.shape) : value));
  for (let traces = 0; traces < LOOP_TRACES_MAX; traces++) {
    const next = step(carried);
    const wider = carried.map((value, index) => joined(at, value, next[index] ?? shared(null), cases(index)));
    if (wider.every((value, index) => sameTrace(value, carried[index]!))) return wider;
    carried = wider;
  }
  return carried.map(() => unknown(at, "carries from step to step what does not settle"));
}

/** The size of an axis that differs from case to case: always the same symbol for one axis of one result. */
type Cases = (axis: number) => Size;

function casesOf({ symbols }: TracedNode): (place: number) => Cases {
  const own = symbols.fresh();
  return (place) => (axis) => symbols.of(`case ${place} ${axis}`, [own]);
}

/** What holds of a tensor that is one or the other. */
function joined(at: TracedNode, a: Traced, b: Traced, cases: Cases): Traced {
  if (a.kind === "tainted") return a;
  if (b.kind === "tainted") return b;
  if (a.kind === "shared" && b.kind === "shared") {
    if (a.shape === null || b.shape === null || a.shape.length !== b.shape.length) return shared(null);
    const same = sameShape(a.shape, b.shape) && sameValues(a.known, b.known);
    return same ? a : shared(joinedShape(a.shape, b.shape, cases));
  }
  if (a.kind === "count" && b.kind === "count" && sameValues(a.known, b.known)) return a;
  if (a.kind !== "rows" || b.kind !== "rows")
    return unknown(at, "has a result that has rows in one case and none in the other");
  if (a.shape.length !== b.shape.length || a.rows.axis !== b.rows.axis || !sameLayout(a.rows, b.rows))
    return unknown(at, "has a result whose rows lie elsewhere from case to case");
  return withRows(joinedShape(a.shape, b.shape, cases), a.rows);
}

/** Sizes that differ from case to case are known in neither; what was so widened stays so. */
function joinedShape(a: readonly Size[], b: readonly Size[], cases: Cases): Size[] {
  return a.map((size, axis) => (sameSize(size, b[axis]!) ? size : cases(axis)));
}

function sameTrace(a: Traced, b: Traced): boolean {
  if (a.kind !== b.kind) return false;
  if (a.kind === "tainted" || b.kind === "tainted") return true;
  if (a.shape === null || b.shape === null) return a.shape === b.shape;
  return sameShape(a.shape, b.shape);
}

function sameShape(a: readonly Size[], b: readonly Size[]): boolean {
  return a.length === b.length && a.every((size, axis) => sameSize(size, b[axis]!));
}

function sameValues(a: KnownValues | null, b: KnownValues | null): boolean {
  if (a === null || b === null) return a === b;
  return a.integer === b.integer && sameShape(a.elements, b.elements);
}

/** Results of all steps along a new axis. */
function stacked(at: TracedNode, value: Traced, steps: Size, stated: number): Traced {
  if (value.kind === "tainted") return value;
  if (value.kind === "count") return mixes(at, "computes with the number of rows in a batch");
  if (value.shape === null) return shared(null);
  const axis = stated < 0 ? stated + value.shape.length + 1 : stated;
  const shape = [...value.shape.slice(0, axis), steps, ...value.shape.slice(axis)];
  if (value.kind === "shared") return shared(shape);
  const moved = value.rows.axis >= axis ? value.rows.axis + 1 : value.rows.axis;
  return withRows(shape, { ...value.rows, axis: moved });
}
