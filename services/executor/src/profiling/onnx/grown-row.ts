import { datatypeBytes, decodeBytes, encodeBytes } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { listedRows, type RowSet } from "./row-set";

/**
 * One row, the first of a set, whose axes are so many times as long: elements come again and again along each, so that all
 * are as the model takes them.
 */
export function grownRow(
  inputs: readonly TensorSignature[],
  rows: RowSet,
  factors: readonly (readonly number[])[],
): RowSet {
  const values = rows.inputsOf([0]);
  const shapes = rows.dimsOf(1);
  const grown = inputs.map(({ datatype }, index) => {
    const [shape, by] = [shapes[index]!, factors[index]!];
    const from = sources(shape, by);
    const bytes = values[index]!;
    return {
      shape: shape.map((size, axis) => size * (by[axis] ?? 1)),
      rows: [datatype === "BYTES" ? texts(bytes, from) : numbers(bytes, from, datatypeBytes(datatype) ?? 1)],
    };
  });
  return listedRows(inputs, grown, 1);
}

/** Which element of the row each element of the grown one is, row-major. */
function sources(shape: readonly number[], factors: readonly number[]): Uint32Array {
  let from = Uint32Array.of(0);
  for (const [axis, size] of shape.entries()) {
    const factor = factors[axis] ?? 1;
    const next = new Uint32Array(from.length * size * factor);
    let at = 0;
    for (const start of from)
      for (let i = 0; i < size * factor; i += 1) next[at++] = start * size + (i % size);
    from = next;
  }
  return from;
}

function numbers(bytes: Uint8Array, from: Uint32Array, elementBytes: number): Buffer {
  // As words, because a double that is no number does not keep its bits; in a copy that lies as they do.
  const { buffer } = new Uint8Array(bytes);
  const Words = { 1: Uint8Array, 2: Uint16Array }[elementBytes] ?? Uint32Array;
  const perElement = elementBytes / Words.BYTES_PER_ELEMENT;
  const [words, grown] = [new Words(buffer), new Words(from.length * perElement)];
  for (let to = 0; to < from.length; to += 1)
    for (let word = 0; word < perElement; word += 1)
      grown[to * perElement + word] = words[from[to]! * perElement + word]!;
  return Buffer.from(grown.buffer);
}

function texts(bytes: Uint8Array, from: Uint32Array): Buffer {
  const elements = decodeBytes(bytes);
  if (!elements.ok) return Buffer.from(bytes);
  return Buffer.from(encodeBytes([...from].map((element) => elements.value[element]!)));
}
