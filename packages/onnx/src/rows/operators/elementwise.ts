import { broadcast } from "../broadcast";
import { cast, folded } from "../fold";
import { followed, knownNumbers, shared, type Traced } from "../traced";
import {
  hasAttribute,
  input,
  intOf,
  mixes,
  type Rule,
  type TracedNode,
  taint,
  unknown,
} from "../traced-node";

/** Element by element over all inputs, stretched to one shape; small whole numbers are followed. */
export const elementwise: Rule = (at) => {
  // Operator sets before 7 state by attribute which axes meet.
  if (hasAttribute(at, "broadcast")) return unknown(at, "aligns its operands by an attribute");
  const known = folded(at, at.inputs);
  if (known !== null) return known;
  return broadcast(at, present(at));
};

/** Element by element over the first input; the others are parameters that no row may change. */
export const pointwise: Rule = (at) => {
  const [value, ...parameters] = at.inputs;
  if (parameters.some((parameter) => parameter?.kind === "rows"))
    return mixes(at, "takes a parameter that differs from row to row");
  return withoutValues(value ?? shared([]));
};

/** Another datatype; numbers that are followed are cut to it. */
export const castRule: Rule = (at) => {
  const value = input(at, 0)!;
  const known = value.kind === "shared" || value.kind === "count" ? value.known : null;
  if (known === null || value.kind === "tainted" || value.kind === "rows") return withoutValues(value);
  const elements = cast(known, kindOf(intOf(at, "to", 0)));
  if (elements !== null && value.shape !== null) return followed(value.shape, elements);
  return value.kind === "count"
    ? mixes(at, "computes with the number of rows in a batch")
    : shared(value.shape);
};

/** A dropout: nothing at all unless it trains. */
export const dropout: Rule = (at) => {
  if (at.opset < 7) return unknown(at, "of an operator set before 7 may train");
  const training = input(at, 2);
  if (training !== null && knownNumbers(training)?.[0] !== 0)
    return taint(at, "random", "drops elements at random");
  return withoutValues(input(at, 0)!);
};

/** Operators that draw values. */
export const DRAWING_OPERATORS: ReadonlySet<string> = new Set([
  "Bernoulli",
  "Multinomial",
  "RandomNormal",
  "RandomNormalLike",
  "RandomUniform",
  "RandomUniformLike",
]);

/** Draws its values: no answer can be given twice. */
export const random: Rule = (at) => taint(at, "random", "draws its values anew in each run");

function present({ inputs }: TracedNode): Traced[] {
  return inputs.filter((value) => value !== null);
}

/** The same shape and rows, of values that are not followed. */
export function withoutValues(value: Traced): Traced {
  return value.kind === "shared" ? shared(value.shape) : value;
}

const REALS = new Set([1, 10, 11, 16, 17, 18, 19, 20]);
const TRUTH = 9;
function kindOf(elementType: number): "integer" | "real" | "truth" {
  if (elementType === TRUTH) return "truth";
  return REALS.has(elementType) ? "real" : "integer";
}
