import { create } from "@bufbuild/protobuf";
import {
  AttributeProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "@infaas/api";
import { encodeModel } from "../file/model-file";

/** ONNX's numbers of the element types that tests use. */
export const ElementTypes = {
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

/** An input or output; a name among the sizes is a free axis, no sizes at all are an undeclared shape. */
export interface FixtureTensor {
  readonly name: string;
  readonly datatype: keyof typeof ElementTypes;
  readonly dims: readonly (number | string)[] | null;
  /** It is a sequence of maps from these keys to such values. */
  readonly mapsFrom?: "INT64" | "BYTES";
}

/** For tests: the file of a small model of any inputs and outputs. */
export function graphFile(graph: {
  readonly nodes: readonly NodeProto[];
  readonly inputs: readonly FixtureTensor[];
  readonly outputs: readonly FixtureTensor[];
  readonly constants?: readonly TensorProto[];
}): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [
      { domain: "", version: 17n },
      { domain: "ai.onnx.ml", version: 3n },
    ],
    graph: {
      name: "fixture",
      node: [...graph.nodes],
      initializer: [...(graph.constants ?? [])],
      input: graph.inputs.map(valueInfo),
      output: graph.outputs.map(valueInfo),
    },
  });
  return encodeModel(model);
}

/** A list of whole numbers as a node's attribute. */
export function intsAttribute(name: string, values: readonly number[]) {
  return create(AttributeProtoSchema, { name, type: 7, ints: values.map(BigInt) });
}

function valueInfo({ name, datatype, dims, mapsFrom }: FixtureTensor): ValueInfoProto {
  const dim = (dims ?? []).map((size) => ({
    value:
      typeof size === "number"
        ? { case: "dimValue" as const, value: BigInt(size) }
        : { case: "dimParam" as const, value: size },
  }));
  const elemType = ElementTypes[datatype];
  const tensorType = dims === null ? { elemType } : { elemType, shape: { dim } };
  if (mapsFrom === undefined) return create(ValueInfoProtoSchema, { name, type: { tensorType } });
  const mapType = { keyType: ElementTypes[mapsFrom], valueType: { tensorType } };
  return create(ValueInfoProtoSchema, { name, type: { sequenceType: { elemType: { mapType } } } });
}
