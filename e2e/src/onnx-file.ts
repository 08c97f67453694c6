import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, type ValueInfoProtoSchema } from "@infaas/api";

/** A network as ONNX has it. */
export type Graph = NonNullable<MessageInitShape<typeof ModelProtoSchema>["graph"]>;

/** Numbers of ONNX for the datatypes of the protocol. */
export const elementTypes = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
  BF16: 16,
} as const;

/** Describes an input or output; an axis that is a name is free. */
export function tensor(
  name: string,
  elemType: number,
  sizes: readonly (number | string)[],
): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = sizes.map((size) => ({
    value:
      typeof size === "number"
        ? { case: "dimValue" as const, value: BigInt(size) }
        : { case: "dimParam" as const, value: size },
  }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

/** Returns the bytes of an ONNX file of a version of the standard operators; `irVersion` by default one that has them. */
export function onnxFile(graph: Graph, opset = 17, irVersion = opset < 20 ? 8n : 9n): Uint8Array {
  const opsetImport = [{ domain: "", version: BigInt(opset) }];
  return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion, opsetImport, graph }));
}

/**
 * A model that answers with what it is sent: input and output `T` and `T_echo` of any two axes for each of
 * these datatypes, and `scalar_T` for those that are in `scalars` too.
 */
export function echoModel(
  datatypes: readonly (keyof typeof elementTypes)[],
  scalars: readonly (keyof typeof elementTypes)[],
): Uint8Array {
  const tensors = [
    ...datatypes.map((t) => ({ name: t, type: elementTypes[t], sizes: [`rows_${t}`, `columns_${t}`] })),
    ...scalars.map((t) => ({ name: `scalar_${t}`, type: elementTypes[t], sizes: [] })),
  ];
  return onnxFile({
    name: "echo",
    node: tensors.map(({ name }) => ({ opType: "Identity", input: [name], output: [`${name}_echo`] })),
    input: tensors.map(({ name, type, sizes }) => tensor(name, type, sizes)),
    output: tensors.map(({ name, type, sizes }) => tensor(`${name}_echo`, type, sizes)),
  });
}
