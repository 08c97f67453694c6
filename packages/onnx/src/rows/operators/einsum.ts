import { isOne, type Size } from "../size";
import { type RowsTensor, sameLayout, shared, type Traced, withRows } from "../traced";
import { mixes, type Rule, type TracedNode, textOf, unknown } from "../traced-node";

/** Label of an axis that the dots stand for, counted from the last. */
const DOTS = "...";

/** Sums of products by an equation over labelled axes. */
export const einsum: Rule = (at) => {
  const operands = at.inputs.filter((value) => value !== null);
  const batched = operands.filter((value): value is RowsTensor => value.kind === "rows");
  const [first] = batched;
  if (first === undefined) return shared(null);
  const equation = equationOf(at, operands);
  if (equation === null)
    return unknown(at, `has an equation that is not read: ${textOf(at, "equation", "")}`);
  const { terms, result } = equation;
  const label = terms[operands.indexOf(first)]![first.rows.axis]!;
  for (const [index, operand] of operands.entries()) {
    const fault = operandFault(at, { operand, labels: terms[index]!, label, first });
    if (fault !== null) return fault;
  }
  const axis = result.indexOf(label);
  if (axis < 0) return mixes(at, "sums over the axis of the rows");
  const sizes = sizesByLabel(operands, terms);
  return withRows(
    result.map((name) => sizes.get(name) ?? at.symbols.fresh()),
    { ...first.rows, axis },
  );
};

function operandFault(
  at: TracedNode,
  o: {
    readonly operand: Traced;
    readonly labels: readonly string[];
    readonly label: string;
    readonly first: RowsTensor;
  },
): Traced | null {
  const places = o.labels.filter((name) => name === o.label).length;
  if (places > 1) return mixes(at, "takes a diagonal over the axis of the rows");
  const { operand } = o;
  if (operand.kind === "rows") {
    if (o.labels[operand.rows.axis] !== o.label) return mixes(at, "multiplies each row with every other");
    return sameLayout(operand.rows, o.first.rows) ? null : unknown(at, "combines rows of different sizes");
  }
  if (places === 0) return null;
  const size = operand.kind === "tainted" ? undefined : operand.shape?.[o.labels.indexOf(o.label)];
  if (size !== undefined && isOne(size)) return null;
  return mixes(at, "combines rows with an operand that has several of its own on their axis");
}

/** Labels of the axes of each operand and of the result; null where the equation does not fit. */
function equationOf(
  at: TracedNode,
  operands: readonly Traced[],
): { readonly terms: string[][]; readonly result: string[] } | null {
  const [left = "", right] = textOf(at, "equation", "").replace(/\s/g, "").split("->");
  const written = left.split(",");
  if (written.length !== operands.length) return null;
  const terms = written.map((term, index) => labelsOf(term, rank(operands[index]!)));
  if (terms.includes(null)) return null;
  const dots = Math.max(0, ...terms.map((term) => term!.filter((label) => label.startsWith(DOTS)).length));
  const result = labelsOf(right ?? impliedResult(left), null, dots);
  return result === null ? null : { terms: terms as string[][], result };
}

function labelsOf(term: string, size: number | null, dots = 0): string[] | null {
  const [before = "", after] = term.split(DOTS);
  if (!/^[A-Za-z]*$/.test(before + (after ?? ""))) return null;
  if (after === undefined) return size === null || before.length === size ? [...before] : null;
  const spanned = size === null ? dots : size - before.length - after.length;
  if (spanned < 0) return null;
  const middle = Array.from({ length: spanned }, (_, index) => `${DOTS}${spanned - 1 - index}`);
  return [...before, ...middle, ...after];
}

/** Without an arrow: the dots, then every label that stands once, in order of the alphabet. */
function impliedResult(left: string): string {
  const letters = [...left.replace(/[.,]/g, "")];
  const once = letters.filter((letter) => letters.indexOf(letter) === letters.lastIndexOf(letter)).sort();
  return `${left.includes(DOTS) ? DOTS : ""}${once.join("")}`;
}

function sizesByLabel(operands: readonly Traced[], terms: readonly string[][]): Map<string, Size> {
  const sizes = new Map<string, Size>();
  for (const [index, operand] of operands.entries()) {
    if (operand.kind === "tainted") continue;
    for (const [axis, label] of terms[index]!.entries()) {
      const size = operand.shape?.[axis];
      const known = sizes.get(label);
      if (size !== undefined && (known === undefined || isOne(known))) sizes.set(label, size);
    }
  }
  return sizes;
}

function rank(operand: Traced): number | null {
  return operand.kind === "tainted" || operand.shape === null ? null : operand.shape.length;
}
