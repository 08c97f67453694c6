import { numbersOf, type Tensor, tensorFromNumbers, tensorFromTexts, textsOf } from "@infaas/client";

/**
 * Other inputs of the same shapes: floats scaled, everything else turned round by `seed` elements, so that the same integers,
 * truth values and words come in another order. Seed 0 gives them as they are.
 */
export function varied(inputs: readonly Tensor[], seed: number): readonly Tensor[] {
  return seed === 0 ? inputs : inputs.map((tensor) => variedTensor(tensor, seed));
}

function variedTensor(tensor: Tensor, seed: number): Tensor {
  const { name, datatype, shape } = tensor;
  if (datatype === "BYTES") return tensorFromTexts(name, shape, turned(textsOf(tensor), seed));
  if (/^(FP|BF)/.test(datatype)) {
    const numbers = numbersOf(tensor).map((value, at) => value * (1 - ((at + seed) % 5) / 16));
    return tensorFromNumbers(name, datatype, shape, numbers);
  }
  if (datatype.endsWith("64")) return { ...tensor, bytes: turnedBytes(tensor.bytes, 8, seed) };
  return tensorFromNumbers(name, datatype, shape, turned(numbersOf(tensor), seed));
}

function turned<T>(values: readonly T[], by: number): T[] {
  const at = values.length === 0 ? 0 : by % values.length;
  return [...values.slice(at), ...values.slice(0, at)];
}

function turnedBytes(bytes: Uint8Array, size: number, by: number): Uint8Array {
  const elements = Array.from({ length: bytes.length / size }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
  return Buffer.concat(turned(elements, by));
}
