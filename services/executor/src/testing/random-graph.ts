import { create } from "@bufbuild/protobuf";
import { AttributeProtoSchema, GraphProtoSchema } from "@infaas/api";
import { createNode } from "@infaas/onnx";
import { ElementTypes } from "@infaas/onnx/testing/graph-models";
import { type Axis, GraphDraft, type RandomGraph, type Tensor } from "./random-graph-draft";

/** Choices that one node of a random graph is made from; any numbers are a graph, and smaller ones a simpler graph. */
export interface Choice {
  /** Which operator. */
  readonly operator: number;
  /** Which earlier tensors it works on. */
  readonly first: number;
  readonly second: number;
  /** Axes, sizes and kinds of it. */
  readonly detail: number;
}

/** Mantissa of float32: beyond it sums round, and then an operator that jumps may jump elsewhere in company. */
const EXACT_BITS = 22;

/** Makes a graph of choices: float32, 64 bits, whole numbers, ids and masks as inputs, then a node or a few for each choice. */
export function randomGraph(choices: readonly Choice[]): RandomGraph {
  const draft = new GraphDraft();
  for (const { operator, first, second, detail } of choices) {
    const maker = MAKERS[operator % MAKERS.length]!;
    const made = maker(draft, { ...draft.earlier(first, second), detail });
    if (made !== null) draft.push(made);
  }
  return draft.finish();
}

interface Picked {
  readonly tensor: Tensor;
  readonly other: Tensor;
  readonly detail: number;
}

/** Adds nodes; null where the tensor is not of a kind that the operator takes. */
type Maker = (draft: GraphDraft, picked: Picked) => Tensor | null;

const isRows = (axis: Axis | undefined) => typeof axis === "object";
const rowAxis = ({ axes }: Tensor) => axes.findIndex(isRows);
const lastSize = ({ axes }: Tensor) => axes.at(-1);
const ROUNDED = Number.POSITIVE_INFINITY;
const pick = <T>(options: readonly T[], detail: number): T => options[detail % options.length]!;
const sameAxes = (a: Tensor, b: Tensor) => JSON.stringify(a.axes) === JSON.stringify(b.axes);

const smooth: Maker = (draft, { tensor, detail }) => {
  const opType = pick(["Relu", "Sigmoid", "Tanh", "Neg", "Abs", "LeakyRelu", "Softplus", "Erf"], detail);
  const exact = ["Relu", "Neg", "Abs"].includes(opType);
  return { ...tensor, name: draft.node(opType, [tensor.name]), bits: exact ? tensor.bits : ROUNDED };
};

const jumping: Maker = (draft, { tensor, detail }) => {
  if (tensor.bits > EXACT_BITS) return null;
  const opType = pick(["Floor", "Ceil", "Round", "Sign"], detail);
  return { ...tensor, name: draft.node(opType, [tensor.name]) };
};

const pairwise: Maker = (draft, { tensor, other, detail }) => {
  if (!sameAxes(tensor, other)) return null;
  const opType = pick(["Add", "Sub", "Mul", "Max", "Min"], detail);
  const [a, b] = [tensor.bits, other.bits];
  // Products of products leave the range of float32, and what is infinite is company only.
  if (opType === "Mul" && a + b > EXACT_BITS) return null;
  const name = draft.node(opType, [tensor.name, other.name]);
  const bits = opType === "Mul" ? a + b : Math.max(a, b) + 1;
  return { ...tensor, name, bits: exactBits(bits), mixed: tensor.mixed || other.mixed };
};

const withConstant: Maker = (draft, { tensor, detail }) => {
  const size = lastSize(tensor);
  if (typeof size !== "number") return null;
  const opType = pick(["Add", "Mul", "Max", "PRelu"], detail);
  const name = draft.node(opType, [tensor.name, draft.weights([size])]);
  return { ...tensor, name, bits: exactBits(tensor.bits + 3) };
};

const linear: Maker = (draft, { tensor, detail }) => {
  const size = lastSize(tensor);
  if (typeof size !== "number" || tensor.axes.length < 2) return null;
  const width = 1 + (detail % 5);
  const gemm = tensor.axes.length === 2 && detail % 2 === 0;
  const name = draft.node(gemm ? "Gemm" : "MatMul", [tensor.name, draft.weights([size, width])]);
  return { ...tensor, axes: [...tensor.axes.slice(0, -1), width], name, bits: exactBits(tensor.bits + 5) };
};

/** An attention of a tensor over its own axes before the last. */
const products: Maker = (draft, { tensor }) => {
  const { axes } = tensor;
  if (axes.length < 2 || isRows(axes.at(-1)) || axes.length > 3) return null;
  const perm = axes.map((_, axis) => axis);
  perm.push(...perm.splice(-2).reverse());
  const turned = draft.node("Transpose", [tensor.name], {}, { perm });
  const scores = draft.node("MatMul", [tensor.name, turned]);
  const weights = draft.node("Softmax", [scores], { axis: -1 });
  const name = draft.node("MatMul", [weights, tensor.name]);
  return { ...tensor, name, bits: ROUNDED, mixed: tensor.mixed || isRows(axes.at(-2)) };
};

/** A reduction over one axis or all, and back over what it was of. */
const reduced: Maker = (draft, { tensor, detail }) => {
  const opType = pick(["ReduceMax", "ReduceMin", "ReduceSum", "ReduceMean"], detail);
  const all = detail % 7 === 0;
  const axis = (detail >> 2) % tensor.axes.length;
  const counted = detail % 2 === 0 ? axis : axis - tensor.axes.length;
  const mixed = tensor.mixed || ((all || isRows(tensor.axes[axis])) && rowAxis(tensor) >= 0);
  const asList = opType === "ReduceSum";
  const inputs = asList && !all ? [tensor.name, draft.list([counted])] : [tensor.name];
  const folded = draft.node(opType, inputs, {}, all || asList ? {} : { axes: [counted] });
  const exact = opType === "ReduceMax" || opType === "ReduceMin";
  const name = draft.node(pick(["Sub", "Add", "Max"], detail >> 3), [tensor.name, folded]);
  return { ...tensor, name, mixed, bits: exact ? exactBits(tensor.bits + 1) : ROUNDED };
};

/** A reduction that drops its axis. */
const dropped: Maker = (draft, { tensor, detail }) => {
  const axis = detail % tensor.axes.length;
  if (tensor.axes.length < 2 || isRows(tensor.axes[axis])) return null;
  const name = draft.node("ReduceMax", [tensor.name], { keepdims: 0 }, { axes: [axis] });
  return { ...tensor, name, axes: tensor.axes.filter((_, index) => index !== axis) };
};

const alongAxis: Maker = (draft, { tensor, detail }) => {
  const axis = (detail >> 1) % tensor.axes.length;
  const mixed = tensor.mixed || isRows(tensor.axes[axis]);
  const sums = detail % 2 === 0;
  const name = sums
    ? draft.node("CumSum", [tensor.name, draft.list([axis], true)])
    : draft.node("Softmax", [tensor.name], { axis });
  return { ...tensor, name, mixed, bits: sums ? exactBits(tensor.bits + 4) : ROUNDED };
};

const transposed: Maker = (draft, { tensor, detail }) => {
  const { axes } = tensor;
  if (axes.length < 2) return null;
  const shift = 1 + (detail % (axes.length - 1));
  const perm = axes.map((_, axis) => (axis + shift) % axes.length);
  const name = draft.node("Transpose", [tensor.name], {}, { perm });
  return { ...tensor, name, axes: perm.map((axis) => axes[axis]!) };
};

/** Rows folded together with what stands behind them, or taken apart again. */
const folded: Maker = (draft, { tensor, detail }) => {
  const { axes } = tensor;
  const [first, second, ...rest] = axes;
  if (!isRows(first) || typeof first !== "object") return null;
  const tail = rest.every((size) => typeof size === "number") ? (rest as number[]) : null;
  if (first.rows > 1 && tail !== null && typeof second === "number") {
    const name = draft.node("Reshape", [tensor.name, draft.list([-1, first.rows, second, ...tail])]);
    return { ...tensor, name, axes: [{ rows: 1 }, first.rows, second, ...tail] };
  }
  if (typeof second !== "number" || tail === null) return null;
  if (rest.length === 0) {
    if (second % 2 !== 0) return null;
    const name = draft.node("Reshape", [tensor.name, draft.list([detail % 2 === 0 ? 0 : -1, 2, second / 2])]);
    return { ...tensor, name, axes: [first, 2, second / 2] };
  }
  const name = draft.node("Reshape", [tensor.name, draft.list([-1, ...tail])]);
  return { ...tensor, name, axes: [{ rows: first.rows * second }, ...tail] };
};

/** Rows by their number, as exporters write it: sizes gathered from the shape. */
const flattened: Maker = (draft, { tensor, detail }) => {
  const [first, ...rest] = tensor.axes;
  if (typeof first !== "object" || first.rows !== 1 || rest.length === 0) return null;
  if (!rest.every((size) => typeof size === "number")) return null;
  const count = (rest as number[]).reduce((all, size) => all * size, 1);
  const axes = [first, count];
  if (detail % 2 === 0) return { ...tensor, name: draft.node("Flatten", [tensor.name], { axis: 1 }), axes };
  const shape = draft.node("Shape", [tensor.name]);
  const number = draft.node("Gather", [shape, draft.list([0])], { axis: 0 });
  const target = draft.node("Concat", [number, draft.list([-1])], { axis: 0 });
  return { ...tensor, name: draft.node("Reshape", [tensor.name, target]), axes };
};

const cut: Maker = (draft, { tensor, detail }) => {
  const axis = detail % tensor.axes.length;
  const size = tensor.axes[axis]!;
  const [start, end, axes] = [draft.list([0]), draft.list([1]), draft.list([axis])];
  const part = draft.node("Slice", [tensor.name, start, end, axes]);
  const name = draft.node("Sub", [tensor.name, part]);
  const mixed = tensor.mixed || isRows(size);
  return { ...tensor, name, mixed, bits: exactBits(tensor.bits + 1) };
};

const joined: Maker = (draft, { tensor, other, detail }) => {
  if (!sameAxes(tensor, other)) return null;
  const axis = detail % tensor.axes.length;
  const size = tensor.axes[axis];
  if (typeof size !== "number") return null;
  const name = draft.node("Concat", [tensor.name, other.name], { axis });
  const axes = tensor.axes.map((own, index) => (index === axis ? 2 * size : own));
  return { name, axes, mixed: tensor.mixed || other.mixed, bits: Math.max(tensor.bits, other.bits) };
};

const normalised: Maker = (draft, { tensor, detail }) => {
  const size = lastSize(tensor);
  const [first, channels] = tensor.axes;
  if (detail % 2 === 0 && typeof size === "number") {
    const name = draft.node("LayerNormalization", [tensor.name, draft.weights([size])], { axis: -1 });
    return { ...tensor, name, bits: ROUNDED };
  }
  if (!isRows(first) || typeof channels !== "number" || tensor.axes.length < 3) return null;
  const parameters = [draft.weights([channels]), draft.weights([channels])];
  const name = draft.node("InstanceNormalization", [tensor.name, ...parameters]);
  return { ...tensor, name, bits: ROUNDED };
};

const convolved: Maker = (draft, { tensor }) => {
  const [first, channels, side] = tensor.axes;
  if (!isRows(first) || typeof channels !== "number" || tensor.axes.length !== 3) return null;
  if (typeof side === "number" && side < 1) return null;
  const lists = { kernel_shape: [3], pads: [1, 1] };
  const name = draft.node("Conv", [tensor.name, draft.weights([2, channels, 3])], {}, lists);
  return { ...tensor, name, axes: [first, 2, side!], bits: exactBits(tensor.bits + 5) };
};

/** A scale of the whole tensor. */
const quantised: Maker = (draft, { tensor }) => {
  const scaled = draft.node("DynamicQuantizeLinear", [tensor.name], {}, {}, 3);
  const name = draft.node("DequantizeLinear", [scaled, `${scaled}_`, `${scaled}__`]);
  return { ...tensor, name, mixed: tensor.mixed || rowAxis(tensor) >= 0, bits: ROUNDED };
};

const otherInput: Maker = (draft, { detail }) => {
  const name = pick(["s", "d", "i", "b", "ids", "mask"], detail);
  const axes: readonly Axis[] = name === "s" ? [{ rows: 1 }, "T", 4] : [{ rows: 1 }, name === "ids" ? 2 : 4];
  return draft.input(name, axes);
};

/** An embedding of ids that are kept within the table. */
const embedded: Maker = (draft, { detail }) => {
  const within = draft.node("Clip", [draft.use("ids"), draft.list([0], true), draft.list([6], true)]);
  const name = draft.node("Gather", [draft.weights([7, 4]), within], { axis: 0 });
  const whole: Tensor = { name, axes: [{ rows: 1 }, 2, 4], mixed: false, bits: 8 };
  if (detail % 2 === 0) return whole;
  const largest = draft.node("ReduceMax", [within], { keepdims: 0 });
  const real = draft.node("Cast", [largest], { to: ElementTypes.FP32 });
  return { ...whole, name: draft.node("Add", [name, real]), mixed: true };
};

const masked: Maker = (draft, { tensor, detail }) => {
  const { axes } = tensor;
  if (axes.length !== 2 || !isRows(axes[0]) || axes[1] !== 4) return null;
  if (typeof axes[0] === "object" && axes[0].rows !== 1) return null;
  const mask = draft.use("mask");
  if (detail % 3 > 0) return { ...tensor, name: draft.node("Where", [mask, tensor.name, draft.number(-2)]) };
  const real = draft.node("Cast", [mask], { to: ElementTypes.FP32 });
  const least = draft.node("ReduceMin", [real], { keepdims: 0 });
  return { ...tensor, name: draft.node("Mul", [tensor.name, least]), mixed: true };
};

/** Scales in one of two bodies: by what is known, by the free axis, or by the largest of all values. */
const conditional: Maker = (draft, { tensor, detail }) => {
  const kind = detail % 3;
  if (tensor.bits > EXACT_BITS) return null;
  const condition = kind === 0 ? ofFreeAxis(draft) : ofValues(draft, tensor, kind === 1);
  const [yes, no] = [0.5, 1].map((factor) => bodyScaling(draft, tensor.name, factor));
  const name = draft.node("If", [condition]);
  draft.last.attribute.push(
    create(AttributeProtoSchema, { name: "then_branch", type: 5, g: yes! }),
    create(AttributeProtoSchema, { name: "else_branch", type: 5, g: no! }),
  );
  return { ...tensor, name, mixed: tensor.mixed || kind !== 0, bits: exactBits(tensor.bits + 1) };
};

function ofFreeAxis(draft: GraphDraft): string {
  const shape = draft.node("Shape", [draft.use("s")]);
  const size = draft.node("Gather", [shape, draft.list([1], true)], { axis: 0 });
  return draft.node("Greater", [size, draft.list([2], true)]);
}

function ofValues(draft: GraphDraft, tensor: Tensor, largest: boolean): string {
  const value = draft.node(largest ? "ReduceMax" : "ReduceMin", [tensor.name], { keepdims: 0 });
  return draft.node("Greater", [value, draft.number(largest ? 3 : -3)]);
}

function bodyScaling(draft: GraphDraft, name: string, factor: number) {
  const scale = draft.number(factor);
  const out = `${scale}_out`;
  return create(GraphProtoSchema, {
    name: scale,
    node: [createNode("Mul", { inputs: [name, scale], outputs: [out] })],
    output: [{ name: out, type: { tensorType: { elemType: ElementTypes.FP32 } } }],
  });
}

/** A token for each row, as many as there are rows. */
const stretched: Maker = (draft, { tensor }) => {
  const [first, size] = tensor.axes;
  if (typeof first !== "object" || first.rows !== 1 || typeof size !== "number" || tensor.axes.length !== 2)
    return null;
  const shape = draft.node("Shape", [tensor.name]);
  const number = draft.node("Gather", [shape, draft.list([0])], { axis: 0 });
  const target = draft.node("Concat", [number, draft.list([2])], { axis: 0 });
  const tokens = draft.node("Expand", [draft.weights([1, 2]), target]);
  const name = draft.node("Concat", [tokens, tensor.name], { axis: 1 });
  return { ...tensor, name, axes: [first, size + 2] };
};

/** The places of the largest elements, or the elements themselves, sorted. */
const sorted: Maker = (draft, { tensor, detail }) => {
  const axis = detail % tensor.axes.length;
  const size = tensor.axes[axis];
  if (tensor.bits > EXACT_BITS || typeof size !== "number") return null;
  const axes = tensor.axes.map((own, index) => (index === axis ? 1 : own));
  if (detail % 2 === 0) {
    const places = draft.node("ArgMax", [tensor.name], { axis });
    return { ...tensor, axes, bits: 4, name: draft.node("Cast", [places], { to: ElementTypes.FP32 }) };
  }
  const name = draft.node("TopK", [tensor.name, draft.list([1])], { axis }, {}, 2);
  return { ...tensor, axes, name };
};

/** Doubles a tensor twice in a loop. */
const looped: Maker = (draft, { tensor, detail }) => {
  const inner = `${tensor.name}_in${detail}_${draft.number(0)}`;
  const body = create(GraphProtoSchema, {
    name: "body",
    input: [
      { name: `${inner}_i`, type: { tensorType: { elemType: ElementTypes.INT64, shape: {} } } },
      { name: `${inner}_c`, type: { tensorType: { elemType: ElementTypes.BOOL, shape: {} } } },
      { name: inner, type: { tensorType: { elemType: ElementTypes.FP32 } } },
    ],
    node: [
      createNode("Identity", { inputs: [`${inner}_c`], outputs: [`${inner}_d`] }),
      createNode("Add", { inputs: [inner, tensor.name], outputs: [`${inner}_o`] }),
    ],
    output: [
      { name: `${inner}_d`, type: { tensorType: { elemType: ElementTypes.BOOL, shape: {} } } },
      { name: `${inner}_o`, type: { tensorType: { elemType: ElementTypes.FP32 } } },
    ],
  });
  const name = draft.node("Loop", [draft.list([2], true), "", tensor.name]);
  draft.last.attribute.push(create(AttributeProtoSchema, { name: "body", type: 5, g: body }));
  return { ...tensor, name, bits: exactBits(tensor.bits + 2) };
};

const MAKERS: readonly Maker[] = [
  linear,
  smooth,
  pairwise,
  withConstant,
  otherInput,
  folded,
  flattened,
  transposed,
  jumping,
  alongAxis,
  reduced,
  dropped,
  products,
  cut,
  joined,
  normalised,
  convolved,
  quantised,
  embedded,
  masked,
  conditional,
  stretched,
  sorted,
  looped,
];

function exactBits(bits: number): number {
  return bits > EXACT_BITS ? ROUNDED : bits;
}
