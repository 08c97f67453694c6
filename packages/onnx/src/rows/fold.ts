import {
  countsRows,
  isWhole,
  knownSize,
  neverNegative,
  product,
  quotient,
  type Size,
  sameSize,
  sizeOf,
} from "./size";
import { type CountTensor, followed, type KnownValues, type SharedTensor, type Traced } from "./traced";
import type { TracedNode } from "./traced-node";

/** What an operator makes of numbers, where all of them are known. */
type Arithmetic = (values: readonly number[], integer: boolean) => number;

const flag = (truth: boolean) => (truth ? 1 : 0);
const ARITHMETIC: Readonly<Record<string, Arithmetic>> = {
  Abs: ([a]) => Math.abs(a!),
  Add: ([a, b]) => a! + b!,
  And: ([a, b]) => flag(a !== 0 && b !== 0),
  Ceil: ([a]) => Math.ceil(a!),
  Div: ([a, b], integer) => (integer ? Math.trunc(a! / b!) : a! / b!),
  Equal: ([a, b]) => flag(a === b),
  Floor: ([a]) => Math.floor(a!),
  Greater: ([a, b]) => flag(a! > b!),
  GreaterOrEqual: ([a, b]) => flag(a! >= b!),
  Identity: ([a]) => a!,
  Less: ([a, b]) => flag(a! < b!),
  LessOrEqual: ([a, b]) => flag(a! <= b!),
  Max: (values) => Math.max(...values),
  Min: (values) => Math.min(...values),
  Mul: ([a, b]) => a! * b!,
  Neg: ([a]) => -a!,
  Not: ([a]) => flag(a === 0),
  Or: ([a, b]) => flag(a !== 0 || b !== 0),
  Sqrt: ([a]) => Math.sqrt(a!),
  Sub: ([a, b]) => a! - b!,
  Where: ([condition, a, b]) => (condition !== 0 ? a! : b!),
  Xor: ([a, b]) => flag((a !== 0) !== (b !== 0)),
};

/** Operators whose result is a truth value. */
const TRUTHS = new Set([
  "And",
  "Equal",
  "Greater",
  "GreaterOrEqual",
  "Less",
  "LessOrEqual",
  "Not",
  "Or",
  "Xor",
]);
/**
 * The elements of an element-by-element operator over tensors that are followed; null where they cannot be followed. An
 * element that depends on the number of rows and is no multiple of it makes all of them null.
 */
export function folded(
  at: TracedNode,
  operands: readonly (Traced | null)[],
): SharedTensor | CountTensor | null {
  const known = operands.map(followedOf);
  if (known.includes(null)) return null;
  const tensors = known as FollowedTensor[];
  const widest = tensors.reduce((a, b) => (b.elements.length > a.elements.length ? b : a));
  const deepest = tensors.reduce((a, b) => (b.shape.length > a.shape.length ? b : a));
  if (!tensors.every((tensor) => fits(tensor, widest))) return null;
  const count = widest.elements.length;
  if (count > 1 && deepest.shape.length > widest.shape.length) return null;
  const integer = TRUTHS.has(at.opType) || tensors.at(-1)!.integer;
  const elements: Size[] = [];
  for (let i = 0; i < count; i++) {
    const values = tensors.map(({ elements: own }) => own[own.length === 1 ? 0 : i]!);
    const element = foldedElement(at, values, integer);
    if (element === null) return null;
    elements.push(element);
  }
  return followed(count === 1 ? deepest.shape : widest.shape, { elements, integer });
}

interface FollowedTensor extends KnownValues {
  readonly shape: readonly Size[];
}

function followedOf(operand: Traced | null): FollowedTensor | null {
  if (operand?.kind !== "shared" && operand?.kind !== "count") return null;
  return operand.known === null || operand.shape === null ? null : { ...operand.known, shape: operand.shape };
}

/** Whether a tensor has the shape of the widest one, or one element that stands beside all of its. */
function fits({ elements, shape }: FollowedTensor, widest: FollowedTensor): boolean {
  if (elements.length === 1) return true;
  return (
    shape.length === widest.shape.length && shape.every((size, axis) => sameSize(size, widest.shape[axis]!))
  );
}

function foldedElement(at: TracedNode, values: readonly Size[], integer: boolean): Size | null {
  const numbers = values.map(knownSize);
  const rule = ARITHMETIC[at.opType];
  if (rule === undefined) return null;
  if (!numbers.includes(null)) {
    const result = rule(numbers as number[], integer);
    return Number.isFinite(result) ? sizeOf(result) : null;
  }
  const symbolic = symbolicElement(at.opType, values);
  if (symbolic !== null) return symbolic;
  if (values.some(countsRows)) return null;
  return at.symbols.of(`${at.opType}:${integer}`, values, integer ? "whole" : "real");
}

/** What holds whatever the symbols stand for. */
function symbolicElement(opType: string, values: readonly Size[]): Size | null {
  const [a, b, c] = values as [Size, Size, Size];
  switch (opType) {
    case "Identity":
      return a;
    case "Abs":
      return neverNegative(a) ? a : null;
    case "Floor":
    case "Ceil":
      return isWhole(a) ? a : null;
    case "Mul":
      return product([a, b]);
    case "Div":
      return b.coefficient === 0 ? null : quotient(a, b);
    case "Add":
      return a.coefficient === 0
        ? b
        : b.coefficient === 0
          ? a
          : sameSize(a, b)
            ? product([sizeOf(2), a])
            : null;
    case "Sub":
      return b.coefficient === 0 ? a : sameSize(a, b) ? sizeOf(0) : null;
    case "Neg":
      return product([sizeOf(-1), a]);
    case "Max":
    case "Min":
      return values.every((value) => sameSize(value, a)) ? a : null;
    case "Where":
      return sameSize(b, c) ? b : knownSize(a) === null ? null : knownSize(a) !== 0 ? b : c;
    default:
      return comparison(opType, a, b);
  }
}

/** Sizes are never negative, so that they differ from a negative number; equal sizes are equal. */
function comparison(opType: string, a: Size, b: Size | undefined): Size | null {
  if (b === undefined) return null;
  if (sameSize(a, b)) return EQUAL_ANSWERS.has(opType) ? sizeOf(EQUAL_ANSWERS.get(opType)!) : null;
  const below = isNegative(a) && neverNegative(b);
  const above = isNegative(b) && neverNegative(a);
  if (!below && !above) return null;
  if (opType === "Equal") return sizeOf(0);
  if (opType === "Less" || opType === "LessOrEqual") return sizeOf(flag(below));
  if (opType === "Greater" || opType === "GreaterOrEqual") return sizeOf(flag(above));
  return null;
}

const EQUAL_ANSWERS: ReadonlyMap<string, number> = new Map([
  ["Equal", 1],
  ["GreaterOrEqual", 1],
  ["LessOrEqual", 1],
  ["Greater", 0],
  ["Less", 0],
]);

function isNegative(size: Size): boolean {
  const number = knownSize(size);
  return number !== null && number < 0;
}

/** Known elements as numbers of another datatype: whole ones are cut towards zero; null where that cannot be told. */
export function cast({ elements }: KnownValues, to: "integer" | "real" | "truth"): KnownValues | null {
  if (to === "real") return { elements, integer: false };
  const kept = elements.map((size) => {
    const number = knownSize(size);
    if (to === "truth") return number === null ? null : sizeOf(flag(number !== 0));
    if (number !== null) return sizeOf(Math.trunc(number));
    return isWhole(size) ? size : null;
  });
  return kept.includes(null) ? null : { elements: kept as Size[], integer: true };
}

/** Whether the elements are all one and the same. */
export function uniform({ elements }: KnownValues): boolean {
  return elements.every((size) => sameSize(size, elements[0]!));
}
