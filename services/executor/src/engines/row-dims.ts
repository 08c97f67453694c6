import { type DataType, datatypeBytes, elementCount } from "@infaas/api";
import type { EngineTensor } from "./engine-port";

/**
 * Returns the whole shape of one row of `byteLength` bytes. A free first axis becomes 1 (one row) when
 * another is free too or the rest already fits; the size of the other free axis, if any, follows from
 * `byteLength`.
 */
export function rowDims(tensor: EngineTensor, byteLength: number): readonly number[] {
  const dims = [...tensor.dims];
  const free = dims.flatMap((dim, axis) => (dim < 0 ? [axis] : []));
  for (const axis of free) dims[axis] = 1;
  const last = free.at(-1);
  const elementBytes = datatypeBytes(tensor.datatype as DataType);
  if (last === undefined || elementBytes === null) return dims;
  dims[last] = Math.max(1, Math.floor(byteLength / (elementBytes * elementCount(dims))));
  return dims;
}
