import type { GraphProto } from "@infaas/api";
import { bodiesOf } from "./node";

/** Operators whose scale is computed from the whole tensor at run time, so that it depends on every row of a batch. */
const WHOLE_TENSOR_SCALES = new Set([
  "DynamicQuantizeLinear",
  "DynamicQuantizeMatMul",
  "DynamicQuantizeLSTM",
]);

/** Why a model that is quantised as it runs is not batched; null for any other. Looks into conditionals and loops too. */
export function dynamicQuantisation(graph: GraphProto): string | null {
  const operator = operatorsOf(graph).find((opType) => WHOLE_TENSOR_SCALES.has(opType));
  if (operator === undefined) return null;
  return `${operator} takes its scale from all rows of a batch, so that an answer depends on the rows beside it`;
}

function operatorsOf(graph: GraphProto): string[] {
  return [...graph.node.map(({ opType = "" }) => opType), ...bodiesOf(graph).flatMap(operatorsOf)];
}
