import { numbersOf, type Tensor } from "@infaas/client";

/** Largest difference from onnxruntime's own answer, absolute or relative to its largest value. */
const TOLERANCE = 1e-5;
/** The same for numbers of few digits: the distance of two neighbours, relative to them. */
const STEPS: Readonly<Record<string, number>> = { FP16: 2 ** -10, BF16: 2 ** -7 };

/** How two answers to one question differ, in a sentence; null when they are the same within tolerance. */
export function difference(got: readonly Tensor[], wanted: readonly Tensor[]): string | null {
  const names = (outputs: readonly Tensor[]) => outputs.map(({ name }) => name).join();
  if (names(got) !== names(wanted)) return `outputs are ${names(got)}, onnxruntime has ${names(wanted)}`;
  for (const [index, own] of got.entries()) {
    const fault = tensorDifference(own, wanted[index]!);
    if (fault !== null) return `output ${own.name}: ${fault}`;
  }
  return null;
}

/** How two answers differ in what they are, whatever their values. */
export function shapeDifference(got: readonly Tensor[], wanted: readonly Tensor[]): string | null {
  const kinds = (outputs: readonly Tensor[]) =>
    outputs.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape}]`).join(", ");
  return kinds(got) === kinds(wanted) ? null : `${kinds(got)}, onnxruntime has ${kinds(wanted)}`;
}

function tensorDifference(got: Tensor, wanted: Tensor): string | null {
  const kind = shapeDifference([got], [wanted]);
  if (kind !== null) return kind;
  if (Buffer.compare(got.bytes, wanted.bytes) === 0) return null;
  if (got.datatype === "BYTES") return "texts differ";
  return numberDifference(numbersOf(got), numbersOf(wanted), STEPS[got.datatype] ?? 0);
}

function numberDifference(got: readonly number[], wanted: readonly number[], step: number): string | null {
  const finite = wanted.map(Math.abs).filter(Number.isFinite);
  const largest = finite.reduce((most, value) => Math.max(most, value), 0);
  const allowed = Math.max(TOLERANCE * Math.max(1, largest), step * largest);
  for (const [at, value] of got.entries()) {
    const other = wanted[at]!;
    if (Object.is(value, other) || Math.abs(value - other) <= allowed) continue;
    return `element ${at} is ${value}, onnxruntime has ${other}`;
  }
  return null;
}
