import { type DataType, datatypeBytes, numberBytes } from "@infaas/api";
import type { EngineTensor, PaddedTensor, Padding } from "./engine-port";

/** Sizes that a padding may have; only requests of one size share batches. */
export const PADDING_SIZES_MAX = 32;

/** Returns why a padding does not fit a model of these tensors, or null. */
export function paddingFault(
  padding: Padding,
  model: { readonly inputs: readonly EngineTensor[]; readonly outputs: readonly EngineTensor[] },
): string | null {
  const { sizes, inputs, outputs } = padding;
  if (sizes.length < 1 || sizes.length > PADDING_SIZES_MAX)
    return `padding has ${sizes.length} sizes, allowed are 1 to ${PADDING_SIZES_MAX}`;
  if (sizes.some((size, i) => !Number.isInteger(size) || size <= (sizes[i - 1] ?? 0)))
    return `padding sizes ${sizes.join(", ")} are no rising whole numbers`;
  if (inputs.length === 0) return "padding names no input";
  return (
    inputs.map((tensor) => tensorFault("input", tensor, model.inputs)).find((fault) => fault !== null) ??
    outputs.map((tensor) => tensorFault("output", tensor, model.outputs)).find((fault) => fault !== null) ??
    null
  );
}

function tensorFault(
  kind: string,
  { name, axis }: PaddedTensor,
  tensors: readonly EngineTensor[],
): string | null {
  const tensor = tensors.find((candidate) => candidate.name === name);
  if (tensor === undefined)
    return `padding names ${kind} ${name}, the model has ${tensors.map((t) => t.name).join(", ")}`;
  if (datatypeBytes(tensor.datatype as DataType) === null)
    return `${kind} ${name} holds strings, which are not padded`;
  const free = kind === "output" || tensor.dims[axis] === -1;
  if (axis >= 1 && free && Number.isInteger(axis)) return null;
  return `padding names axis ${axis} of ${kind} ${name}, which is [${tensor.dims.join(", ")}]; padded are free axes after the first`;
}

/** Returns the size that a length is padded to; null when it exceeds the largest. */
export function paddedSize(length: number, sizes: readonly number[]): number | null {
  const size = sizes.find((candidate) => candidate >= length);
  return size === undefined || size === length ? null : size;
}

/** Returns row-major bytes with one axis extended to `size`; each added element is `fill`. */
export function padAxis(
  bytes: Uint8Array,
  o: {
    readonly dims: readonly number[];
    readonly axis: number;
    readonly size: number;
    readonly fill: Uint8Array;
  },
): Uint8Array {
  const { outer, inner } = around(o.dims, o.axis);
  const from = (o.dims[o.axis] ?? 0) * inner * o.fill.byteLength;
  const to = o.size * inner * o.fill.byteLength;
  const padded = Buffer.alloc(outer * to, o.fill);
  for (let row = 0; row < outer; row++) padded.set(bytes.subarray(row * from, (row + 1) * from), row * to);
  return padded;
}

/** Returns row-major bytes with one axis cut to its first `size` elements. */
export function cutAxis(
  bytes: Uint8Array,
  o: { readonly dims: readonly number[]; readonly axis: number; readonly size: number },
): Uint8Array {
  const { outer } = around(o.dims, o.axis);
  const from = bytes.byteLength / outer;
  const to = (from / (o.dims[o.axis] ?? 1)) * o.size;
  const cut = new Uint8Array(outer * to);
  for (let row = 0; row < outer; row++) cut.set(bytes.subarray(row * from, row * from + to), row * to);
  return cut;
}

/** Returns the bytes of one element of padding. */
export function fillOf(datatype: string, value: number): Uint8Array {
  return numberBytes(datatype as DataType, [value]) ?? new Uint8Array(1);
}

function around(dims: readonly number[], axis: number): { readonly outer: number; readonly inner: number } {
  const product = (sizes: readonly number[]) => sizes.reduce((all, size) => all * size, 1);
  return { outer: product(dims.slice(0, axis)), inner: product(dims.slice(axis + 1)) };
}
