import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AttributeProtoSchema } from "@infaas/api";
import { elementTypes, onnxFile, tensor } from "../onnx-file";

type Datatype = keyof typeof elementTypes;

/** One operator as a model of its own. */
export interface OperatorModel {
  readonly name: string;
  readonly inputs: readonly OperatorInput[];
  readonly file: Uint8Array;
}

/** An input of one datatype; an axis of null is free. */
export interface OperatorInput {
  readonly name: string;
  readonly datatype: Datatype;
  readonly axes: readonly (number | null)[];
}

/** A version of the standard operators that has all of them. */
const opset = 20;
const attributeKinds = { float: 1, int: 2, string: 3, ints: 7 } as const;

/**
 * Operators that take sizes, indices, divisors, loops' ends, shapes or codes from values. A line is: operator,
 * inputs (datatype and rank, or sizes in brackets; `_` is left out), `->` datatypes of outputs, attributes.
 */
const lines = `
Abs INT64:1 -> INT64
Add INT32:2 INT32:2 -> INT32
AffineGrid FP32:3 INT64:[4] -> FP32
And BOOL:2 BOOL:2 -> BOOL
ArgMax FP32:2 -> INT64 axis=1
ArgMin INT32:2 -> INT64 axis=0
AveragePool FP32:4 -> FP32 kernel_shape=[3,3]
BatchNormalization FP32:3 FP32:1 FP32:1 FP32:1 FP32:1 -> FP32
Bernoulli FP32:1 -> FP32
BitShift UINT32:1 UINT32:1 -> UINT32 direction=LEFT
BitwiseAnd INT32:1 INT32:1 -> INT32
BitwiseNot INT64:1 -> INT64
BlackmanWindow INT64:0 -> FP32
Cast FP32:1 -> INT64 to=7
Cast FP64:1 -> INT8 to=3
Cast BYTES:1 -> FP32 to=1
Ceil FP32:1 -> FP32
CenterCropPad FP32:2 INT64:1 -> FP32
Celu FP32:1 -> FP32
Clip FP32:1 FP32:0 FP32:0 -> FP32
Clip INT64:1 INT64:0 INT64:0 -> INT64
Col2Im FP32:3 INT64:1 INT64:1 -> FP32
Compress FP32:1 BOOL:1 -> FP32 axis=0
Concat FP32:2 FP32:2 -> FP32 axis=1
ConstantOfShape INT64:1 -> FP32
Conv FP32:4 FP32:4 -> FP32
ConvInteger UINT8:4 UINT8:4 -> INT32
ConvTranspose FP32:4 FP32:4 -> FP32
Cosh FP32:1 -> FP32
CumSum FP32:2 INT32:0 -> FP32
DFT FP32:3 INT64:0 INT64:0 -> FP32
DepthToSpace FP32:4 -> FP32 blocksize=2
DequantizeLinear INT8:2 FP32:1 INT8:1 -> FP32
Det FP32:3 -> FP32
Div INT32:1 INT32:1 -> INT32
Div INT64:2 INT64:1 -> INT64
DynamicQuantizeLinear FP32:2 -> UINT8,FP32,UINT8
Equal BYTES:1 BYTES:1 -> BOOL
Exp FP64:1 -> FP64
Expand FP32:2 INT64:[2] -> FP32
EyeLike INT64:2 -> INT64
Flatten FP32:3 -> FP32
Floor FP64:1 -> FP64
Gather FP32:2 INT64:1 -> FP32
GatherElements FP32:2 INT64:2 -> FP32
GatherND FP32:2 INT64:2 -> FP32
Gelu FP32:1 -> FP32
Gemm FP32:2 FP32:2 FP32:1 -> FP32
GlobalAveragePool FP32:4 -> FP32
GridSample FP32:4 FP32:4 -> FP32
HammingWindow INT64:0 -> FP32
HannWindow INT64:0 -> FP32
Hardmax FP32:2 -> FP32
InstanceNormalization FP32:3 FP32:1 FP32:1 -> FP32
IsInf FP32:1 -> BOOL
LRN FP32:4 -> FP32 size=3
LayerNormalization FP32:2 FP32:1 -> FP32
Less INT64:1 INT64:1 -> BOOL
LogSoftmax FP32:2 -> FP32
LpNormalization FP32:2 -> FP32
LpPool FP32:4 -> FP32 kernel_shape=[2,2]
MatMul INT64:2 INT64:2 -> INT64
MatMul FP32:3 FP32:3 -> FP32
MatMulInteger UINT8:2 UINT8:2 UINT8:0 UINT8:0 -> INT32
Max INT64:1 INT64:1 -> INT64
MaxPool FP32:4 -> FP32 kernel_shape=[2,2]
MaxPool INT8:4 -> INT8 kernel_shape=[2,2]
MaxRoiPool FP32:4 FP32:2 -> FP32 pooled_shape=[2,2]
MaxUnpool FP32:4 INT64:4 INT64:1 -> FP32 kernel_shape=[2,2]
MeanVarianceNormalization FP32:4 -> FP32
MelWeightMatrix INT64:0 INT64:0 INT64:0 FP32:0 FP32:0 -> FP32
Mod INT64:1 INT64:1 -> INT64
Mod INT32:1 INT32:1 -> INT32
Mod UINT8:1 UINT8:1 -> UINT8
Mod FP32:1 FP32:1 -> FP32 fmod=1
Mul INT64:1 INT64:1 -> INT64
Multinomial FP32:2 -> INT32 sample_size=4
Neg INT64:1 -> INT64
NegativeLogLikelihoodLoss FP32:2 INT64:1 -> FP32
NonMaxSuppression FP32:3 FP32:3 INT64:1 FP32:1 FP32:1 -> INT64
NonZero FP32:2 -> INT64
OneHot INT64:1 INT64:1 FP32:1 -> FP32
PRelu FP32:2 FP32:1 -> FP32
Pad FP32:2 INT64:1 FP32:0 -> FP32
Pow INT64:1 INT64:1 -> INT64
Pow INT32:1 FP32:1 -> INT32
QLinearConv UINT8:4 FP32:0 UINT8:0 UINT8:4 FP32:0 UINT8:0 FP32:0 UINT8:0 -> UINT8
QLinearMatMul UINT8:2 FP32:0 UINT8:0 UINT8:2 FP32:0 UINT8:0 FP32:0 UINT8:0 -> UINT8
QuantizeLinear FP32:2 FP32:1 UINT8:1 -> UINT8
RandomNormalLike FP32:2 -> FP32
RandomUniformLike FP32:2 -> FP32
Range INT64:0 INT64:0 INT64:0 -> INT64
Range FP32:0 FP32:0 FP32:0 -> FP32
ReduceLogSumExp FP32:2 INT64:1 -> FP32
ReduceMax INT64:2 INT64:1 -> INT64
ReduceMean INT32:2 INT64:1 -> INT32
ReduceProd INT64:2 INT64:1 -> INT64
ReduceSum FP32:2 INT64:1 -> FP32
Reshape FP32:2 INT64:1 -> FP32
Resize FP32:4 _ FP32:[4] -> FP32
Resize FP32:4 _ _ INT64:[4] -> FP32
ReverseSequence FP32:2 INT64:1 -> FP32
RoiAlign FP32:4 FP32:2 INT64:1 -> FP32
Round FP64:1 -> FP64
STFT FP32:3 INT64:0 FP32:1 INT64:0 -> FP32
ScatterElements FP32:2 INT64:2 FP32:2 -> FP32
ScatterND FP32:2 INT64:2 FP32:1 -> FP32
Shape FP32:3 -> INT64
Sign INT64:1 -> INT64
Slice FP32:2 INT64:1 INT64:1 INT64:1 INT64:1 -> FP32
Softmax FP64:2 -> FP64
SoftmaxCrossEntropyLoss FP32:2 INT64:1 -> FP32
SpaceToDepth FP32:4 -> FP32 blocksize=2
Split FP32:1 INT64:1 -> FP32
Sqrt FP32:1 -> FP32
Squeeze FP32:2 INT64:1 -> FP32
StringNormalizer BYTES:1 -> BYTES
Sub INT64:1 INT64:1 -> INT64
Tile FP32:2 INT64:[2] -> FP32
TopK FP32:2 INT64:[1] -> FP32,INT64
Transpose FP32:3 -> FP32 perm=[2,0,1]
Trilu FP32:2 INT64:0 -> FP32
Unique INT64:1 -> INT64
Unsqueeze FP32:1 INT64:1 -> FP32
Where BOOL:1 FP32:1 FP32:1 -> FP32
Xor BOOL:1 BOOL:1 -> BOOL
`;

/** Every operator of the table, each as a model. */
export const operatorModels: readonly OperatorModel[] = lines
  .trim()
  .split("\n")
  .map((line, number) => modelOf(line, number));

function modelOf(line: string, number: number): OperatorModel {
  const [left = "", right = ""] = line.split(" -> ");
  const [opType = "", ...places] = left.split(" ");
  const [outputTypes = "", ...attributes] = right.split(" ");
  const outputs = outputTypes.split(",").map((datatype, i) => ({ name: `y${i}`, datatype }));
  const inputs = places.map((place, i) => (place === "_" ? null : inputOf(place, i)));
  const offered = inputs.filter((input) => input !== null);
  const file = onnxFile(
    {
      name: opType,
      node: [
        {
          opType,
          input: inputs.map((input) => input?.name ?? ""),
          output: outputs.map(({ name }) => name),
          attribute: attributes.map(attributeOf),
        },
      ],
      input: offered.map(({ name, datatype, axes }) =>
        tensor(
          name,
          elementTypes[datatype],
          axes.map((size, axis) => size ?? `${name}_${axis}`),
        ),
      ),
      output: outputs.map(({ name, datatype }) => ({
        name,
        type: { tensorType: { elemType: elementTypes[datatype as Datatype] } },
      })),
    },
    opset,
  );
  return { name: `${opType.toLowerCase()}-${number}`, inputs: offered, file };
}

function inputOf(place: string, i: number): OperatorInput {
  const [datatype, size = ""] = place.split(":");
  const axes: readonly (number | null)[] = size.startsWith("[")
    ? JSON.parse(size)
    : new Array<null>(Number(size)).fill(null);
  return { name: `in${i}`, datatype: datatype as Datatype, axes };
}

function attributeOf(word: string): MessageInitShape<typeof AttributeProtoSchema> {
  const [name = "", value = ""] = word.split("=");
  if (value.startsWith("["))
    return { name, type: attributeKinds.ints, ints: JSON.parse(value).map((each: number) => BigInt(each)) };
  if (/^-?\d+$/.test(value)) return { name, type: attributeKinds.int, i: BigInt(value) };
  return { name, type: attributeKinds.string, s: Buffer.from(value) };
}
