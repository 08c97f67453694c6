import type { Rule } from "../traced-node";
import {
  alongAxis,
  argument,
  batchNormalization,
  blocks,
  cumulative,
  determinant,
  fromAxis,
  lastTwoAxes,
  localResponse,
  meanVariance,
  oneHot,
  perPicture,
  reduction,
  reverseSequence,
  softmax,
  topK,
  wholeTensorScale,
} from "./along-axes";
import {
  attention,
  multiHeadAttention,
  packedAttention,
  quantizedAttention,
  rotaryEmbedding,
  skipNormalization,
} from "./attention";
import { conditional, loop, scan } from "./control-flow";
import { einsum } from "./einsum";
import { castRule, DRAWING_OPERATORS, dropout, elementwise, pointwise, random } from "./elementwise";
import { featureExtractor, gather, gatherElements, gatherND, scatterElements, scatterND } from "./indexing";
import { compress, concat, pad, slice, split } from "./joining";
import { fusedMatMul, gemm, matMul, packedMatMul, scaledMatMul } from "./matrices";
import { convolution, globalPooling, pooling, resize, samples } from "./pictures";
import { recurrent } from "./recurrent";
import {
  constantOfShape,
  expand,
  flatten,
  identity,
  range,
  reshape,
  shapeRule,
  sizeRule,
  squeeze,
  tile,
  transpose,
  unsqueeze,
} from "./shapes";
import {
  classifier,
  embedNormalization,
  features,
  featureVectorizer,
  oneHotEncoder,
  regressor,
  sizedByValues,
  textWeights,
  toLongest,
} from "./tables";

/** Many operators under one rule: names separated by spaces. */
function each(names: string, rule: Rule): (readonly [string, Rule])[] {
  return names.split(" ").map((name) => [name, rule]);
}

const ONNX: ReadonlyMap<string, Rule> = new Map([
  ...each(
    "Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot CastLike Ceil Celu Clip Cos Cosh DequantizeLinear Elu Erf Exp Floor Gelu HardSigmoid HardSwish IsInf IsNaN LeakyRelu Log Mish Neg Not QuantizeLinear Reciprocal RegexFullMatch Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu",
    pointwiseOrNumbers,
  ),
  ...each(
    "Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul Or PRelu Pow StringConcat Sub Sum Where Xor",
    elementwise,
  ),
  ...each(
    "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare",
    reduction,
  ),
  ...each("ArgMax ArgMin", argument),
  ...each("Softmax LogSoftmax Hardmax", softmax),
  ...each("LayerNormalization RMSNormalization", fromAxis(-1)),
  ...each("InstanceNormalization GroupNormalization", perPicture),
  ...each("GlobalAveragePool GlobalMaxPool GlobalLpPool", globalPooling),
  ...each("MaxPool AveragePool LpPool", pooling),
  ...each("Conv ConvTranspose ConvInteger", convolution(1)),
  ...each("CumSum CumProd", cumulative),
  ...each("DepthToSpace SpaceToDepth", blocks),
  ...each("LSTM GRU RNN", recurrent),
  ...each([...DRAWING_OPERATORS].join(" "), random),
  ...each("NonZero Unique NonMaxSuppression", sizedByValues),
  ...each("Resize Upsample", resize),
  ...each("ScatterElements Scatter", scatterElements),
  ["Attention", attention],
  ["BatchNormalization", batchNormalization],
  ["Cast", castRule],
  ["Compress", compress],
  ["Concat", concat],
  ["ConstantOfShape", constantOfShape],
  ["DeformConv", convolution(1, [2, 4])],
  ["Det", determinant],
  ["Dropout", dropout],
  ["DynamicQuantizeLinear", wholeTensorScale],
  ["Einsum", einsum],
  ["Expand", expand],
  ["Flatten", flatten],
  ["Gather", gather],
  ["GatherElements", gatherElements],
  ["GatherND", gatherND],
  ["Gemm", gemm],
  ["GridSample", samples],
  ["Identity", identity],
  ["If", conditional],
  ["LRN", localResponse],
  ["Loop", loop],
  ["LpNormalization", alongAxis(-1)],
  ["MatMul", matMul],
  ["MatMulInteger", scaledMatMul(0, 1)],
  ["MeanVarianceNormalization", meanVariance],
  ["OneHot", oneHot],
  ["Pad", pad],
  ["QLinearConv", convolution(3)],
  ["QLinearMatMul", scaledMatMul(0, 3)],
  ["Range", range],
  ["Reshape", reshape],
  ["ReverseSequence", reverseSequence],
  ["RotaryEmbedding", rotaryEmbedding],
  ["Scan", scan],
  ["ScatterND", scatterND],
  ["Shape", shapeRule],
  ["Size", sizeRule],
  ["Slice", slice],
  ["Split", split],
  ["Squeeze", squeeze],
  ["StringSplit", toLongest],
  ["TfIdfVectorizer", textWeights],
  ["Tile", tile],
  ["TopK", topK],
  ["Transpose", transpose],
  ["Trilu", lastTwoAxes],
  ["Unsqueeze", unsqueeze],
]);

const TABLES: ReadonlyMap<string, Rule> = new Map([
  ...each("Binarizer CategoryMapper LabelEncoder", pointwise),
  ...each("Imputer Normalizer Scaler", features),
  ...each("LinearClassifier SVMClassifier TreeEnsembleClassifier", classifier),
  ...each("LinearRegressor SVMRegressor TreeEnsemble TreeEnsembleRegressor", regressor),
  ["ArrayFeatureExtractor", featureExtractor],
  ["FeatureVectorizer", featureVectorizer],
  ["OneHotEncoder", oneHotEncoder],
]);

/** What the engine's optimiser and quantiser write into files, and exporters that know them. */
const CONTRIBUTED: ReadonlyMap<string, Rule> = new Map([
  ...each("BiasGelu FastGelu BiasAdd BiasSplitGelu", elementwise),
  ...each("Gelu QuickGelu QLinearLeakyRelu QLinearSigmoid QuantizeLinear DequantizeLinear", pointwise),
  ...each("DynamicQuantizeMatMul DynamicQuantizeLSTM", wholeTensorScale),
  ...each("MatMulNBits MatMulBnb4", packedMatMul),
  ...each("SimplifiedLayerNormalization", fromAxis(-1)),
  ...each("SkipLayerNormalization SkipSimplifiedLayerNormalization", skipNormalization),
  ["Attention", packedAttention],
  ["EmbedLayerNormalization", embedNormalization],
  ["FusedConv", convolution(1, [3])],
  ["FusedGemm", gemm],
  ["FusedMatMul", fusedMatMul],
  ["MatMulIntegerToFloat", scaledMatMul(0, 1)],
  ["MultiHeadAttention", multiHeadAttention],
  ["QAttention", quantizedAttention],
  ["QLinearConv", convolution(3)],
  ["RotaryEmbedding", rotaryEmbedding],
  ["Tokenizer", toLongest],
]);

const RULES: Readonly<Record<string, ReadonlyMap<string, Rule>>> = {
  "": ONNX,
  "ai.onnx": ONNX,
  "ai.onnx.ml": TABLES,
  "com.microsoft": CONTRIBUTED,
};

/** How an operator treats rows; null for one that is not known. */
export function ruleOf(domain: string, opType: string): Rule | null {
  // Simplified layer normalisation is written under ONNX's own domain too, and means the same there.
  const fused = domain === "" && opType.startsWith("Simplified") ? CONTRIBUTED.get(opType) : undefined;
  return fused ?? RULES[domain]?.get(opType) ?? null;
}

/** Element by element with parameters; numbers that are followed stay so where the operator takes nothing else. */
function pointwiseOrNumbers(at: Parameters<Rule>[0]): ReturnType<Rule> {
  return at.inputs.length === 1 ? elementwise(at) : pointwise(at);
}
