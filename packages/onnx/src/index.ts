/** What an ONNX file says by itself: its tensors, whether rows may share a batch, what int8 would compute. */
export { describeModel, type ModelDescription } from "./describe-model";
export {
  type AxisConstraints,
  type AxisSizes,
  axisKey,
  candidateSizes,
  freeAxes,
  shapesWith,
  statedSizes,
} from "./file/axis-sizes";
export { constantTensor, dimsOf, ElementType, floatsOf } from "./file/float-tensor";
export { decodeModel, encodeModel, type OnnxModel, opsetOf } from "./file/model-file";
export { bodiesOf, createNode, namesUsedInBodies } from "./file/node";
export {
  answeredSignature,
  type BatchAxis,
  expectNamedOutputs,
  findBatchAxis,
  readInputs,
  readSignature,
  type Signature,
  type TensorSignature,
  type ToldOutput,
} from "./file/signature";
export type { DenseNetwork, NetworkStep } from "./kernels/dense-network";
export { type KernelPlanning, planKernels } from "./kernels/plan-kernels";
export {
  planInt8,
  type QuantizationFacts,
  type QuantizationPlan,
  type QuantizedPart,
} from "./quantization/plan-int8";
export { findQuantizable, type QuantizableNode } from "./quantization/quantizable";
export { isSteady, STEADY_OPERATORS } from "./quantization/steady-operators";
export { analyseRows, type RowAnalysis } from "./rows/analyse-rows";
export { findAxisConstraints } from "./rows/axis-constraints";
export { drawsValues } from "./rows/draws-values";
