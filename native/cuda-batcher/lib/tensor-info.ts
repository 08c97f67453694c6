import type { NativeTensor } from "./native";

/** Element type of a tensor, in the words of NumPy. */
export type DType =
  | "float32"
  | "float16"
  | "bfloat16"
  | "float64"
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "bool"
  | "string";

/** An input or output as the model declares it. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: DType;
  /**
   * As the model says, batch axis included; a dynamic axis is its name, or -1 when it has none. Null for a tensor that does
   * not say how many axes it has. What is declared of outputs may be wrong: answers carry their real dims.
   */
  readonly dims: readonly (number | string)[] | null;
  /**
   * Bytes of one row (of the whole tensor when the model is not batchable); -1 when a further axis is dynamic, and for
   * strings.
   */
  readonly itemBytes: number;
}

/** ONNX's numbers for element types, and bytes of one element (0: not fixed). */
const dtypes: Readonly<Record<number, readonly [DType, number]>> = {
  1: ["float32", 4],
  2: ["uint8", 1],
  3: ["int8", 1],
  4: ["uint16", 2],
  5: ["int16", 2],
  6: ["int32", 4],
  7: ["int64", 8],
  8: ["string", 0],
  9: ["bool", 1],
  10: ["float16", 2],
  11: ["float64", 8],
  12: ["uint32", 4],
  13: ["uint64", 8],
  16: ["bfloat16", 2],
};
const bytesByDtype = new Map(Object.values(dtypes));

/** Bytes of one element of a dtype; 0 for strings, whose size is not fixed. */
export function elementBytes(dtype: DType): number {
  return bytesByDtype.get(dtype) ?? 0;
}

/** A tensor from the add-on's description; undefined when its element type is none of ours. */
export function toTensorInfo(described: NativeTensor): TensorInfo | undefined {
  const dtype = dtypes[described.dtype];
  if (dtype === undefined) return undefined;
  const { name, dims, ranked, itemBytes } = described;
  return { name, dtype: dtype[0], dims: ranked ? dims : null, itemBytes };
}
