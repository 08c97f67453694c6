import type { GraphProto, NodeProto, TensorProto } from "@infaas/api";
import type { OnnxModel } from "../file/model-file";
import { knownTensor } from "./constant";
import { DRAWING_OPERATORS } from "./operators/elementwise";

/** Position of the input by which a Dropout trains, and then drops elements at random. */
const TRAINING_INPUT = 2;

/**
 * Whether some operator of a model draws values anew in each run, so that equal inputs have different answers. A Dropout does
 * unless the graph holds a constant that says no.
 */
export function drawsValues({ graph, functions }: OnnxModel): boolean {
  return graphDraws(graph, new Set()) || functions.some(({ node }) => anyDraws(node, new Set()));
}

/** @param falseAround Names that are false in every run, of the graphs around this one. */
function graphDraws({ node, initializer, input }: GraphProto, falseAround: ReadonlySet<string>): boolean {
  const inputs = new Set(input.map(({ name }) => name));
  const constants = initializer.filter((tensor) => !inputs.has(tensor.name) && isFalse(tensor));
  return anyDraws(node, new Set([...falseAround, ...constants.map(({ name = "" }) => name)]));
}

function anyDraws(nodes: readonly NodeProto[], falseAround: ReadonlySet<string>): boolean {
  const constants = nodes.filter(
    ({ opType, attribute: [value] }) => opType === "Constant" && isFalse(value?.t),
  );
  const falseNames = new Set([...falseAround, ...constants.flatMap(({ output }) => output)]);
  return nodes.some(
    (node) =>
      DRAWING_OPERATORS.has(node.opType ?? "") ||
      mayDrop(node, falseNames) ||
      node.attribute.some(({ g, graphs }) =>
        [...(g === undefined ? [] : [g]), ...graphs].some((body) => graphDraws(body, falseNames)),
      ),
  );
}

function mayDrop({ opType, input }: NodeProto, falseNames: ReadonlySet<string>): boolean {
  const training = input[TRAINING_INPUT] ?? "";
  return opType === "Dropout" && training !== "" && !falseNames.has(training);
}

function isFalse(tensor: TensorProto | undefined): boolean {
  return (
    tensor !== undefined &&
    knownTensor(tensor)?.elements.every(({ coefficient }) => coefficient === 0) === true
  );
}
