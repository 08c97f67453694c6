import { create } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProtoSchema,
  GraphProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from "@infaas/api";
import type { OnnxModel } from "@infaas/onnx";
import { constantTensor, createNode, ElementType } from "@infaas/onnx";
import { fixtureModel } from "@infaas/onnx/testing/dense-models";
import { graphFile } from "@infaas/onnx/testing/graph-models";

/** Valid models that exhaust memory or time, for tests of the limits of profiling. */

const BOOL = 9;
/** `AttributeProto.type` of a graph. */
const GRAPH_ATTRIBUTE = 5;

/** y = x plus the maximum of `bytes` bytes of zeros, which are allocated when it runs. */
export function hungryModel(bytes: number): OnnxModel {
  const nodes = [
    createNode("ConstantOfShape", { inputs: ["size"], outputs: ["zeros"] }),
    createNode("ReduceMax", { inputs: ["zeros"], outputs: ["zero"] }, { keepdims: 0 }),
    createNode("Add", { inputs: ["x", "zero"], outputs: ["y"] }),
  ];
  const constants = [integer("size", bytes / Float32Array.BYTES_PER_ELEMENT, [1])];
  return fixtureModel({ nodes, constants, input: ["N", 4], output: ["N", 4] });
}

/** Adds one to x as often as 63 bits can count. */
export function endlessModel(): OnnxModel {
  const loop = createNode("Loop", { inputs: ["trips", "", "x"], outputs: ["y"] });
  loop.attribute.push(endlessBody());
  const constants = [integer("trips", Number.MAX_SAFE_INTEGER, [])];
  return fixtureModel({ nodes: [loop], constants, input: ["N", 4], output: ["N", 4] });
}

/** The file of a model that adds one to `x` as often as the caller's `trips` says. */
export function loopFile(): Uint8Array {
  const loop = createNode("Loop", { inputs: ["trips", "", "x"], outputs: ["y"] });
  loop.attribute.push(endlessBody());
  return graphFile({
    nodes: [loop],
    inputs: [
      { name: "trips", datatype: "INT64", dims: [] },
      { name: "x", datatype: "FP32", dims: [4] },
    ],
    outputs: [{ name: "y", datatype: "FP32", dims: [4] }],
  });
}

function endlessBody(): AttributeProto {
  const scalar = (name: string, elemType: number) =>
    create(ValueInfoProtoSchema, { name, type: { tensorType: { elemType, shape: { dim: [] } } } });
  const row = (name: string) =>
    create(ValueInfoProtoSchema, { name, type: { tensorType: { elemType: ElementType.float } } });
  const g = create(GraphProtoSchema, {
    name: "body",
    node: [
      createNode("Identity", { inputs: ["going"], outputs: ["go_on"] }),
      createNode("Add", { inputs: ["before", "one"], outputs: ["after"] }),
    ],
    initializer: [constantTensor("one", [1], Float32Array.of(1))],
    input: [scalar("turn", ElementType.int64), scalar("going", BOOL), row("before")],
    output: [scalar("go_on", BOOL), row("after")],
  });
  return create(AttributeProtoSchema, { name: "body", type: GRAPH_ATTRIBUTE, g });
}

function integer(name: string, value: number, dims: readonly number[]): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: ElementType.int64,
    int64Data: [BigInt(value)],
  });
}
