import type { GraphProto, NodeProto, TensorProto } from "@infaas/api";
import { dimsOf, floatsOf } from "../file/float-tensor";
import { floatAttribute, intAttribute } from "../file/node";
import { isSteady } from "./steady-operators";

/** One operator that is computed in int8. */
export interface QuantizableNode {
  readonly node: NodeProto;
  /** Name of the activation. */
  readonly activation: string;
  readonly weight: TensorProto;
  /** Axis of the weights that the output channels lie on. */
  readonly channelAxis: number;
  readonly bias: TensorProto | null;
  /**
   * A Conv runs in int8 only if its answer is quantised too (onnxruntime has no integer convolution that
   * answers floats): the name of that answer, after the Relu when a Relu is all that reads it. Null for
   * MatMul and Gemm, which answer floats.
   */
  readonly quantizedOutput: string | null;
}

/**
 * Returns the MatMul, Gemm and Conv nodes with constant float weights that can be computed in int8.
 *
 * With `steadyOnly`, a node behind an operator that stays in floating point and whose last bit may depend on
 * the rows beside it is left out: that bit could move a value across a rounding step, which an int8 answer
 * shows (measured: a mean over characters before a quantised layer moved one answer in 3,000 by 0.002 of its
 * size).
 */
export function findQuantizable(graph: GraphProto, o: { readonly steadyOnly: boolean }): QuantizableNode[] {
  const constants = new Map(graph.initializer.map((tensor) => [tensor.name ?? "", tensor]));
  const unsteady = new Set<string>();
  const found: QuantizableNode[] = [];
  for (const node of graph.node) {
    const behindUnsteady = o.steadyOnly && node.input.some((name) => unsteady.has(name));
    const candidate = behindUnsteady ? null : describe({ node, graph, constants });
    if (candidate) found.push(candidate);
    else if (behindUnsteady || !isSteady(node, graph)) for (const name of node.output) unsteady.add(name);
  }
  return found;
}

interface Place {
  readonly node: NodeProto;
  readonly graph: GraphProto;
  readonly constants: ReadonlyMap<string, TensorProto>;
}

function describe({ node, graph, constants }: Place): QuantizableNode | null {
  const [activation = "", weightName = "", biasName = ""] = node.input;
  const weight = constants.get(weightName);
  const bias = constants.get(biasName) ?? null;
  if (node.domain || !weight || constants.has(activation) || (biasName !== "" && !bias)) return null;
  const channelAxis = channelAxisOf(node, dimsOf(weight).length);
  if (
    channelAxis === null ||
    !floatsOf(weight) ||
    (bias && !isChannelBias(bias, dimsOf(weight)[channelAxis]))
  )
    return null;
  const quantizedOutput = node.opType === "Conv" ? endOfConv(node, graph) : null;
  return { node, activation, weight, channelAxis, bias, quantizedOutput };
}

function channelAxisOf(node: NodeProto, rank: number): number | null {
  if (node.opType === "Conv") return 0;
  if (node.opType === "MatMul") return rank === 2 ? 1 : null;
  if (node.opType !== "Gemm") return null;
  const plain =
    intAttribute(node, "transA", 0) === 0 &&
    floatAttribute(node, "alpha", 1) === 1 &&
    floatAttribute(node, "beta", 1) === 1;
  if (!plain) return null;
  return intAttribute(node, "transB", 0) === 0 ? 1 : 0;
}

function isChannelBias(bias: TensorProto, channels: number | undefined): boolean {
  return floatsOf(bias)?.length === channels;
}

function endOfConv(node: NodeProto, graph: GraphProto): string {
  const output = node.output[0] ?? "";
  const readers = graph.node.filter(({ input }) => input.includes(output));
  const [only] = readers;
  const alone = readers.length === 1 && !graph.output.some(({ name }) => name === output);
  return alone && only?.opType === "Relu" ? (only.output[0] ?? output) : output;
}
