import { knownSize, type Size, sizeOf } from "./size";
import { followed, type KnownValues, type Traced } from "./traced";

/** A tensor whose elements are followed and whose sizes are known. */
interface Elements {
  readonly sizes: readonly number[];
  readonly known: KnownValues;
}

function elementsOf(tensor: Traced): Elements | null {
  if ((tensor.kind !== "shared" && tensor.kind !== "count") || tensor.known === null) return null;
  const sizes = tensor.shape?.map(knownSize) ?? [null];
  return sizes.includes(null) ? null : { sizes: sizes as number[], known: tensor.known };
}

/** The elements at these places of each axis, in that order; null where the tensor's elements are not followed. */
export function takenElements(tensor: Traced, places: readonly (readonly number[] | null)[]): Traced | null {
  const source = elementsOf(tensor);
  if (source === null) return null;
  const { sizes, known } = source;
  const taken = sizes.map((size, axis) => places[axis] ?? Array.from({ length: size }, (_, place) => place));
  let offsets = [0];
  for (const [axis, size] of sizes.entries())
    offsets = offsets.flatMap((offset) => taken[axis]!.map((place) => offset * size + place));
  const elements = offsets.map((offset) => known.elements[offset]);
  if (elements.includes(undefined)) return null;
  const shape = taken.map(({ length }) => sizeOf(length));
  return followed(shape, { ...known, elements: elements as Size[] });
}

/** The elements with the axes in another order. */
export function turnedElements(tensor: Traced, perm: readonly number[]): Traced | null {
  const source = elementsOf(tensor);
  if (source === null) return null;
  const { sizes, known } = source;
  const strides = sizes.map((_, axis) => sizes.slice(axis + 1).reduce((all, size) => all * size, 1));
  let offsets = [0];
  for (const axis of perm)
    offsets = offsets.flatMap((offset) =>
      Array.from({ length: sizes[axis]! }, (_, place) => offset + place * strides[axis]!),
    );
  const elements = offsets.map((offset) => known.elements[offset]!);
  return followed(
    perm.map((axis) => sizeOf(sizes[axis]!)),
    { ...known, elements },
  );
}
