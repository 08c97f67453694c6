import type { GraphProto, NodeProto } from "@infaas/api";

/** Operators that move values or make them from nothing but shapes. */
const MOVING =
  "Identity Reshape Flatten Transpose Squeeze Unsqueeze Slice Split Concat Gather GatherElements GatherND Expand Tile Pad Shape Size Constant ConstantOfShape Range DepthToSpace SpaceToDepth Dropout Cast OneHot";
/** Operators that choose among values or compare them. */
const CHOOSING =
  "Where Equal Greater GreaterOrEqual Less LessOrEqual And Or Not IsNaN Max Min Clip ArgMax ArgMin ReduceMax ReduceMin MaxPool GlobalMaxPool";
/**
 * Arithmetic element by element that is exact or rounds as IEEE 754 says, wherever in the tensor the element
 * lies.
 */
const ARITHMETIC =
  "Add Sub Mul Div Neg Abs Sqrt Reciprocal Relu LeakyRelu PRelu ThresholdedRelu HardSigmoid HardSwish Floor Ceil Round Sign";
/**
 * Functions and normalisations whose kernels compute the last elements of a tensor or row like all others.
 */
const EVEN = "Sigmoid Tanh Exp Erf Pow Softmax LogSoftmax LayerNormalization BatchNormalization";
/** Means over windows, each added up in the same order wherever it lies. */
const POOLING = "AveragePool GlobalAveragePool";

/**
 * Operators of onnxruntime's CPU engine that give a row the same bits alone and in any batch. The list names
 * what is known to be steady, because the opposite would easily be incomplete. Measured with 1.30 on odd and
 * even shapes, 1 and 2 threads, 2 to 64 rows (steady-operators.test.ts repeats it). Not steady, in the same
 * measurement: sums and means over axes, whose order of addition depends on where in memory a row begins and
 * on whether there is a second row; Log, Softplus, Elu, Selu, Celu, Sin, Cos and Atan, which compute the last
 * elements of a thread's share otherwise; LRN and InstanceNormalization.
 */
export const STEADY_OPERATORS: ReadonlySet<string> = new Set(
  [MOVING, CHOOSING, ARITHMETIC, EVEN, POOLING].flatMap((names) => names.split(" ")),
);

/** Whether a node in floating point gives a row the same bits alone and in any batch, for the same inputs. */
export function isSteady(node: NodeProto, graph: GraphProto): boolean {
  if (node.domain) return false;
  if (STEADY_OPERATORS.has(node.opType ?? "")) return true;
  // A product of two activations is computed row by row of the batch, each of the same size.
  return node.opType === "MatMul" && !graph.initializer.some(({ name = "" }) => node.input.includes(name));
}
