import type { GraphProto, NodeProto } from "@infaas/api";
import type { OnnxModel } from "../onnx/model-file";
import { DRAWING_OPERATORS } from "./operators/elementwise";

/** Whether some operator of a model draws values anew in each run, so that equal inputs have different answers. */
export function drawsValues({ graph, functions }: OnnxModel): boolean {
  return anyDraws(graph.node) || functions.some(({ node }) => anyDraws(node));
}

function anyDraws(nodes: readonly NodeProto[]): boolean {
  return nodes.some(
    ({ opType = "", attribute }) =>
      DRAWING_OPERATORS.has(opType) ||
      attribute.some(({ g, graphs }) => [...(g === undefined ? [] : [g]), ...graphs].some(graphDraws)),
  );
}

function graphDraws({ node }: GraphProto): boolean {
  return anyDraws(node);
}
