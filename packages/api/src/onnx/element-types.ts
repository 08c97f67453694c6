import type { DataType } from "../tensors/tensor";

/** Open Inference Protocol names of ONNX's element type numbers. */
const datatypes: Readonly<Record<number, DataType>> = {
  1: "FP32",
  2: "UINT8",
  3: "INT8",
  4: "UINT16",
  5: "INT16",
  6: "INT32",
  7: "INT64",
  8: "BYTES",
  9: "BOOL",
  10: "FP16",
  11: "FP64",
  12: "UINT32",
  13: "UINT64",
  16: "BF16",
};

/** Datatype of an ONNX element type number; undefined for one that the protocol does not have. */
export function datatypeOfElements(elementType: number): DataType | undefined {
  return datatypes[elementType];
}

/** ONNX's element type number of a datatype; undefined for one that it does not have. */
export function elementTypeOf(datatype: string): number | undefined {
  const found = Object.entries(datatypes).find(([, name]) => name === datatype);
  return found === undefined ? undefined : Number(found[0]);
}
