import { create } from "@bufbuild/protobuf";
import { AttributeProtoSchema, GraphProtoSchema, type NodeProto, type TensorProto } from "@infaas/api";
import { constantTensor, createNode } from "@infaas/onnx";
import {
  ElementTypes,
  type FixtureTensor,
  graphFile,
  intsAttribute,
} from "@infaas/onnx/testing/graph-models";

/** A model with output y, and what two callers send who hear of each other where rows meet. */
export interface MeetingModel {
  readonly nodes: readonly NodeProto[];
  /** Default: x, float32 `[N, 4]`. */
  readonly inputs?: readonly FixtureTensor[];
  readonly constants?: readonly TensorProto[];
  /** Bytes of each input, for two callers whose rows meet where a model lets them. */
  readonly feeds?: readonly [readonly Buffer[], readonly Buffer[]];
}

/** The input unless a model says otherwise. */
export const X: FixtureTensor = { name: "x", datatype: "FP32", dims: ["N", 4] };
const floats = (...values: number[]) => Buffer.from(Float32Array.from(values).buffer);
const longs = (...values: number[]) => Buffer.from(BigInt64Array.from(values, BigInt).buffer);
/** What callers send unless a model says otherwise. */
export const QUIET_AND_LOUD = [[floats(0.1, 0.2, -0.3, 0.4)], [floats(900, -20_000, 3, 40)]] as const;
const number = (name: string, value: number) => constantTensor(name, [], Float32Array.of(value));
const node = (
  opType: string,
  inputs: string[],
  output: string,
  integers: Record<string, number> = {},
  axes?: number[],
) => {
  const made = createNode(opType, { inputs, outputs: [output] }, integers);
  if (axes !== undefined) made.attribute.push(intsAttribute("axes", axes));
  return made;
};
const all = { keepdims: 0 };
const toFloat = { to: ElementTypes.FP32 };

function branch(name: string, nodes: readonly NodeProto[], output: string) {
  const graph = create(GraphProtoSchema, {
    name,
    node: [...nodes],
    output: [{ name: output, type: { tensorType: { elemType: ElementTypes.FP32 } } }],
  });
  return create(AttributeProtoSchema, { name, type: 5, g: graph });
}

/** y is x times k where `condition` holds, else x. */
function scaledIf(condition: string): NodeProto {
  const made = node("If", [condition], "y");
  made.attribute.push(
    branch("then_branch", [node("Mul", ["x", "k"], "t")], "t"),
    branch("else_branch", [node("Identity", ["x"], "e")], "e"),
  );
  return made;
}

const MASK: FixtureTensor = { name: "mask", datatype: "BOOL", dims: ["N", 4] };
const MASKS = [
  [floats(1, 2, 3, 4), Buffer.of(1, 1, 1, 1)],
  [floats(1, 2, 3, 4), Buffer.of(1, 1, 0, 0)],
] as const;
const IDS: FixtureTensor = { name: "ids", datatype: "INT64", dims: ["N", 2] };
const SMALL_AND_LARGE = [[longs(3, 5)], [longs(3_000, 5)]] as const;
const TABLE = constantTensor(
  "table",
  [8, 2],
  Float32Array.from({ length: 16 }, (_, at) => at),
);
const list = (name: string, ...values: number[]) => ({
  ...constantTensor(name, [values.length], new Int32Array(0)),
  dataType: ElementTypes.INT64,
  rawData: new Uint8Array(longs(...values)),
});
const whole = (name: string, value: number) => ({ ...list(name, value), dims: [] });

/** Kinds of public reports, and for each models of our own: rows meet where a value is large, masked, large as an id, or always NaN. */
export const meetingModels: readonly (readonly [kind: string, model: MeetingModel])[] = [
  [
    "scaled where the largest value is above one",
    {
      nodes: [node("ReduceMax", ["x"], "m", all), node("Greater", ["m", "limit"], "c"), scaledIf("c")],
      constants: [number("k", 1 / 255), number("limit", 1.5)],
    },
  ],
  [
    "scaled where the sum is negative",
    {
      nodes: [node("ReduceMean", ["x"], "m", all), node("Less", ["m", "limit"], "c"), scaledIf("c")],
      constants: [number("k", -1), number("limit", -100)],
    },
  ],
  [
    "scaled where any value is beyond full scale",
    {
      nodes: [
        node("Abs", ["x"], "a"),
        node("Greater", ["a", "limit"], "g"),
        node("Cast", ["g"], "f", toFloat),
        node("ReduceMax", ["f"], "m", all),
        node("Cast", ["m"], "c", { to: ElementTypes.BOOL }),
        scaledIf("c"),
      ],
      constants: [number("k", 0.5), number("limit", 10)],
    },
  ],
  [
    "scaled by where, without a branch",
    {
      nodes: [
        node("ReduceMax", ["x"], "m", all),
        node("Greater", ["m", "limit"], "c"),
        node("Mul", ["x", "k"], "t"),
        node("Where", ["c", "t", "x"], "y"),
      ],
      constants: [number("k", 1 / 255), number("limit", 1.5)],
    },
  ],
  [
    "clipped by the loudest",
    {
      nodes: [
        node("Abs", ["x"], "a"),
        node("ReduceMax", ["a"], "m", all),
        node("Max", ["m", "one"], "d"),
        node("Div", ["x", "d"], "y"),
      ],
      constants: [number("one", 1)],
    },
  ],
  [
    "raised to half of the smallest",
    {
      nodes: [node("ReduceMin", ["x"], "m", all), node("Mul", ["m", "k"], "b"), node("Max", ["x", "b"], "y")],
      constants: [number("k", 0.5)],
    },
  ],
  [
    "shifted by the peak over the rows",
    {
      nodes: [
        node("Abs", ["x"], "a"),
        node("ReduceMax", ["a"], "m", {}, [0]),
        node("Floor", ["m"], "f"),
        node("Sub", ["x", "f"], "y"),
      ],
    },
  ],
  [
    "levelled by energy beyond a gate",
    {
      nodes: [
        node("ReduceSumSquare", ["x"], "e", all),
        node("Max", ["e", "gate"], "g"),
        node("Div", ["x", "g"], "y"),
      ],
      constants: [number("gate", 100)],
    },
  ],
  [
    "multiplied by the smallest mask value",
    {
      inputs: [X, MASK],
      feeds: MASKS,
      nodes: [
        node("Cast", ["mask"], "f", toFloat),
        node("ReduceMin", ["f"], "lo", all),
        node("Mul", ["x", "lo"], "y"),
      ],
    },
  ],
  [
    "divided by how many are not masked",
    {
      inputs: [X, MASK],
      feeds: MASKS,
      nodes: [
        node("Cast", ["mask"], "f", toFloat),
        node("ReduceSum", ["f"], "n", all),
        node("Div", ["x", "n"], "y"),
      ],
    },
  ],
  [
    "masked by the union of masks",
    {
      inputs: [X, MASK],
      feeds: MASKS,
      nodes: [
        node("Cast", ["mask"], "f", toFloat),
        node("ReduceMin", ["f"], "u", {}, [-2]),
        node("Mul", ["x", "u"], "y"),
      ],
    },
  ],
  [
    "branched on a mask with a zero",
    {
      inputs: [X, MASK],
      feeds: MASKS,
      nodes: [
        node("Cast", ["mask"], "f", toFloat),
        node("ReduceMin", ["f"], "lo", all),
        node("Cast", ["lo"], "c", { to: ElementTypes.BOOL }),
        scaledIf("c"),
      ],
      constants: [number("k", 3)],
    },
  ],
  [
    "divided by the largest id",
    {
      inputs: [IDS],
      feeds: SMALL_AND_LARGE,
      nodes: [
        node("ReduceMax", ["ids"], "m", all),
        node("Cast", ["m"], "mf", toFloat),
        node("Cast", ["ids"], "f", toFloat),
        node("Max", ["mf", "k"], "d"),
        node("Div", ["f", "d"], "y"),
      ],
      constants: [number("k", 1000)],
    },
  ],
  [
    "looked up at the largest id",
    {
      inputs: [IDS],
      feeds: [[longs(3, 5)], [longs(7, 5)]],
      nodes: [
        node("ReduceMax", ["ids"], "m", all),
        node("Gather", ["table", "m"], "g"),
        node("Cast", ["ids"], "f", toFloat),
        node("Add", ["f", "g"], "y"),
      ],
      constants: [TABLE],
    },
  ],
  [
    "counted from the smallest id",
    {
      inputs: [IDS],
      feeds: SMALL_AND_LARGE,
      nodes: [
        node("ReduceMin", ["ids"], "m", {}, [0]),
        node("Sub", ["ids", "m"], "s"),
        node("Cast", ["s"], "y", toFloat),
      ],
    },
  ],
  [
    "shifted by the thousands of the largest id",
    {
      inputs: [IDS],
      feeds: SMALL_AND_LARGE,
      nodes: [
        node("ReduceMax", ["ids"], "m", all),
        node("Div", ["m", "thousand"], "t"),
        node("Cast", ["ids"], "f", toFloat),
        node("Cast", ["t"], "tf", toFloat),
        node("Add", ["f", "tf"], "y"),
      ],
      constants: [whole("thousand", 1000)],
    },
  ],
  [
    "no number for small values",
    {
      feeds: [[floats(14, 19, 11, 12)], [floats(110, 35, 26, 200)]],
      nodes: [
        node("Sub", ["x", "k"], "s"),
        node("Sqrt", ["s"], "r"),
        node("ReduceMax", ["r"], "m", all),
        node("Div", ["r", "m"], "y"),
      ],
      constants: [number("k", 10)],
    },
  ],
  [
    "no number below one, by logarithms",
    {
      feeds: [[floats(4, 9, 11, 12)], [floats(110, 35, 26, 200)]],
      nodes: [
        node("Log", ["x"], "l"),
        node("Sqrt", ["l"], "r"),
        node("ReduceSum", ["r"], "m", all),
        node("Div", ["r", "m"], "y"),
      ],
    },
  ],
  [
    "always zero for small values",
    {
      nodes: [
        node("ReduceMax", ["x"], "m", all),
        node("Sub", ["m", "k"], "s"),
        node("Relu", ["s"], "r"),
        node("Add", ["x", "r"], "z"),
        node("Floor", ["z"], "y"),
      ],
      constants: [number("k", 5)],
    },
  ],
  [
    "infinite for small values",
    {
      feeds: [[floats(1, 2, 3, 4)], [floats(50, 60, 3, 4)]],
      nodes: [node("Floor", ["x"], "f"), node("ReduceMax", ["f"], "m", all), node("Div", ["x", "m"], "y")],
    },
  ],
];

/** The same with each row's own value, which are batched. */
export const apartModels: readonly (readonly [kind: string, model: MeetingModel])[] = [
  [
    "clipped by each row's loudest",
    {
      nodes: [
        node("Abs", ["x"], "a"),
        node("ReduceMax", ["a"], "m", {}, [1]),
        node("Max", ["m", "one"], "d"),
        node("Div", ["x", "d"], "y"),
      ],
      constants: [number("one", 1)],
    },
  ],
  [
    "scaled where each row's largest is above one",
    {
      nodes: [
        node("ReduceMax", ["x"], "m", {}, [-1]),
        node("Greater", ["m", "limit"], "c"),
        node("Mul", ["x", "k"], "t"),
        node("Where", ["c", "t", "x"], "y"),
      ],
      constants: [number("k", 1 / 255), number("limit", 1.5)],
    },
  ],
  [
    "multiplied by each row's smallest mask value",
    {
      inputs: [X, MASK],
      feeds: MASKS,
      nodes: [
        node("Cast", ["mask"], "f", toFloat),
        node("ReduceMin", ["f"], "lo", {}, [1]),
        node("Mul", ["x", "lo"], "y"),
      ],
    },
  ],
  [
    "divided by each row's largest id",
    {
      inputs: [IDS],
      feeds: SMALL_AND_LARGE,
      nodes: [
        node("Cast", ["ids"], "f", toFloat),
        node("ReduceMax", ["f"], "m", {}, [1]),
        node("Div", ["f", "m"], "y"),
      ],
    },
  ],
];

/** The file of a model, and the inputs and feeds that hold unless it says otherwise. */
export function fileOfMeeting({ nodes, inputs = [X], constants = [] }: MeetingModel): Uint8Array {
  return graphFile({ nodes, inputs, outputs: [{ name: "y", datatype: "FP32", dims: null }], constants });
}
