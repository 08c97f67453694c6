import { clone, create } from "@bufbuild/protobuf";
import { GraphProtoSchema, type ValueInfoProto, ValueInfoProtoSchema } from "@infaas/api";
import type { OnnxModel } from "@infaas/onnx";
import { createNode, ElementType } from "@infaas/onnx";

/**
 * Returns a copy of a model whose outputs are the smallest and largest value of each given activation: two
 * float32 scalars of shape [1, 1] per activation, minimum first, in the given order. For one row at a time.
 */
export function withRangeOutputs(model: OnnxModel, activations: readonly string[]): OnnxModel {
  const graph = clone(GraphProtoSchema, model.graph);
  graph.output = [];
  for (const [index, activation] of activations.entries()) {
    // One row of all elements, so that a reduction over every axis has the same shape for every activation.
    const flat = `calibration/${index}/flat`;
    graph.node.push(createNode("Flatten", { inputs: [activation], outputs: [flat] }, { axis: 0 }));
    for (const operator of ["ReduceMin", "ReduceMax"]) {
      const name = `calibration/${index}/${operator}`;
      graph.node.push(createNode(operator, { inputs: [flat], outputs: [name] }));
      graph.output.push(scalarRow(name));
    }
  }
  return { ...model, graph };
}

function scalarRow(name: string): ValueInfoProto {
  const one = { value: { case: "dimValue" as const, value: 1n } };
  const tensorType = { elemType: ElementType.float, shape: { dim: [one, one] } };
  return create(ValueInfoProtoSchema, { name, type: { tensorType } });
}
