import type { TensorProto } from "@infaas/api";
import { sizeOf } from "./size";
import { KNOWN_ELEMENTS_MAX, type KnownValues, type SharedTensor, shared } from "./traced";

/** `TensorProto.data_location` of values that are in another file. */
const EXTERNAL = 1;

/** How the elements of a datatype are read from raw bytes, and whether they are whole numbers. */
interface Reader {
  readonly bytes: number;
  readonly integer: boolean;
  readonly read: (view: DataView, offset: number) => number;
}

/** By the format's element type number; datatypes that say neither sizes nor scales are not read. */
const READERS: Readonly<Record<number, Reader>> = {
  1: { bytes: 4, integer: false, read: (view, at) => view.getFloat32(at, true) },
  2: { bytes: 1, integer: true, read: (view, at) => view.getUint8(at) },
  3: { bytes: 1, integer: true, read: (view, at) => view.getInt8(at) },
  6: { bytes: 4, integer: true, read: (view, at) => view.getInt32(at, true) },
  7: { bytes: 8, integer: true, read: (view, at) => Number(view.getBigInt64(at, true)) },
  9: { bytes: 1, integer: true, read: (view, at) => view.getUint8(at) },
  11: { bytes: 8, integer: false, read: (view, at) => view.getFloat64(at, true) },
};

/** A constant: its shape, and its numbers where they are few. */
export function constantOf(tensor: TensorProto): SharedTensor {
  return shared(
    tensor.dims.map((size) => sizeOf(Number(size))),
    knownTensor(tensor),
  );
}

/** The numbers of a small constant; null where they are many, elsewhere, or of a datatype that is not followed. */
export function knownTensor(tensor: TensorProto): KnownValues | null {
  const count = tensor.dims.reduce((all, size) => all * Number(size), 1);
  const reader = READERS[tensor.dataType ?? 0];
  if (reader === undefined || count > KNOWN_ELEMENTS_MAX || tensor.dataLocation === EXTERNAL) return null;
  const values = tensor.rawData?.length ? rawNumbers(tensor.rawData, reader) : typedNumbers(tensor);
  if (values.length !== count || !values.every(Number.isFinite)) return null;
  return { elements: values.map(sizeOf), integer: reader.integer };
}

function rawNumbers(raw: Uint8Array, { bytes, read }: Reader): number[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Array.from({ length: Math.floor(raw.byteLength / bytes) }, (_, index) => read(view, index * bytes));
}

function typedNumbers({ floatData, int32Data, int64Data, doubleData }: TensorProto): number[] {
  return [...floatData, ...int32Data, ...int64Data.map(Number), ...doubleData];
}
