import { type AxisConstraints, axisKey } from "../file/axis-sizes";
import type { OnnxModel } from "../file/model-file";
import { readInputs } from "../file/signature";
import { isOne, knownSize, product, type Size, Symbols, sizeOf } from "./size";
import { opsetsOf, traceGraph } from "./trace-graph";
import { knownNumbers, shared, type Traced } from "./traced";
import { fromFront, hasAttribute, input, intOf, intsOf, type TracedNode } from "./traced-node";

/** What a node asks of sizes: that two are equal, or that one is a multiple of a number. */
type Demand =
  | { readonly kind: "equal"; readonly a: Size; readonly b: Size }
  | { readonly kind: "multiple"; readonly of: Size; readonly factor: number };

type Shape = readonly Size[];

/** Passes over a graph, at most: what one pass tells of two axes lets the next follow what is made of both. */
const PASSES_MAX = 4;
const NOTHING: AxisConstraints = { equal: new Map(), multiples: new Map(), same: new Map() };

/**
 * Sizes that the operators of a graph leave the free axes of its inputs: one only, the same as another axis, multiples of a
 * number. What no operator here says anything of is free. Pure; linear in the number of nodes.
 */
export function findAxisConstraints(model: OnnxModel): AxisConstraints {
  let found = NOTHING;
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    const next = passOver(model, found);
    const told = next.equal.size + next.multiples.size + next.same.size;
    if (told === found.equal.size + found.multiples.size + found.same.size) break;
    found = next;
  }
  return found;
}

/** One pass with the sizes that earlier ones told. */
function passOver(model: OnnxModel, before: AxisConstraints): AxisConstraints {
  const { graph } = model;
  const symbols = new Symbols();
  const keys = new Map<string, string>();
  const sizes = new Map<string, Size>();
  const sizeOfAxis = (axis: string): Size => {
    const key = before.same.get(axis) ?? axis;
    const known = before.equal.get(key);
    if (known !== undefined) return sizeOf(known);
    const size = sizes.get(key) ?? symbols.fresh();
    sizes.set(key, size);
    keys.set(size.symbols[0]!, key);
    return size;
  };
  const inputs = new Map(
    readInputs(model).map((tensor) => [
      tensor.name,
      shared(tensor.shape.map((size, axis) => (size < 0 ? sizeOfAxis(axisKey(tensor, axis)) : sizeOf(size)))),
    ]),
  );
  const found = new Constraints(keys, before);
  const given = new Set(inputs.keys());
  traceGraph(
    graph,
    graph.input.map(({ name = "" }) => inputs.get(name) ?? shared(null)),
    {
      symbols,
      functions: model.functions,
      opsets: opsetsOf(model.opsetImport),
      depth: 0,
      observe: (at) => {
        for (const demand of demandsOf(at, given)) found.add(demand);
      },
    },
  );
  return found.solved();
}

/** Demands gathered, with axes that must be equal under one of their keys. */
class Constraints {
  private readonly same: Map<string, string>;
  private readonly equal: Map<string, number>;
  private readonly multiples: Map<string, number>;

  constructor(
    private readonly keys: ReadonlyMap<string, string>,
    before: AxisConstraints,
  ) {
    this.same = new Map(before.same);
    this.equal = new Map(before.equal);
    this.multiples = new Map(before.multiples);
  }

  add(demand: Demand): void {
    if (demand.kind === "multiple") {
      const axis = this.loneAxis(demand.of);
      if (axis === null) return;
      const { key, coefficient } = axis;
      const factor = demand.factor / commonDivisor(demand.factor, coefficient);
      const before = this.multiples.get(key) ?? 1;
      this.multiples.set(key, (before * factor) / commonDivisor(before, factor));
      return;
    }
    const { a, b } = demand;
    const [left, right] = [this.loneAxis(a), this.loneAxis(b)];
    const number = knownSize(left === null ? a : b);
    const axis = left ?? right;
    if (axis !== null && number !== null) {
      const size = number / axis.coefficient;
      if (Number.isInteger(size) && size > 0) this.equal.set(axis.key, size);
    } else if (
      left !== null &&
      right !== null &&
      left.coefficient === right.coefficient &&
      left.key !== right.key
    ) {
      this.same.set(left.key, right.key);
    }
  }

  solved(): AxisConstraints {
    const equal = new Map([...this.equal].map(([key, size]) => [this.rootOf(key), size] as const));
    const multiples = new Map(
      [...this.multiples].map(([key, factor]) => [this.rootOf(key), factor] as const),
    );
    const same = new Map([...this.same.keys()].map((key) => [key, this.rootOf(key)] as const));
    return { equal, multiples, same };
  }

  /** The axis of an input that a size is so many times of. */
  private loneAxis({ coefficient, symbols }: Size): { key: string; coefficient: number } | null {
    const key = symbols.length === 1 ? this.keys.get(symbols[0]!) : undefined;
    return key === undefined || coefficient <= 0 ? null : { key: this.rootOf(key), coefficient };
  }

  private rootOf(key: string): string {
    let root = key;
    for (let next = this.same.get(root); next !== undefined; next = this.same.get(root)) root = next;
    return root;
  }
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

const BROADCAST = new Set(
  "Add Sub Mul Div Pow Mod Where And Or Xor Equal Less LessOrEqual Greater GreaterOrEqual Min Max Sum Mean PRelu".split(
    " ",
  ),
);

function demandsOf(at: TracedNode, given: ReadonlySet<string>): Demand[] {
  const shapes = at.inputs.map(shapeOf);
  const [a = null, b = null] = shapes;
  if (BROADCAST.has(at.opType)) return broadcastDemands(shapes);
  if (a === null) return [];
  switch (at.opType) {
    case "MatMul":
    case "MatMulInteger":
    case "Gemm":
      return b === null ? [] : productDemands(at, a, b);
    case "Conv":
    case "ConvInteger":
      return channels(a, b?.[1], intOf(at, "group", 1));
    case "ConvTranspose":
    case "BatchNormalization":
    case "InstanceNormalization":
      return channels(a, b?.[0], 1);
    case "LSTM":
    case "GRU":
    case "RNN":
      return equalTo(a[2], b?.[2]);
    case "Concat":
      return concatDemands(at, shapes);
    case "Reshape":
      return reshapeDemands(at, a);
    case "Split":
    case "SplitToSequence":
      return splitDemands(at, a, given);
    case "SpaceToDepth":
      return a.slice(2).flatMap((of) => multipleOf(of, intOf(at, "blocksize", 1)));
    case "DepthToSpace":
      return multipleOf(a[1], intOf(at, "blocksize", 1) ** 2);
    default:
      return [];
  }
}

/** Sizes that are no one stand on one another as equals. */
function broadcastDemands(shapes: readonly (Shape | null)[]): Demand[] {
  const known = shapes.filter((shape) => shape !== null);
  const rank = Math.max(0, ...known.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, fromEnd) => {
    const [first, ...rest] = known
      .flatMap((shape) => shape.at(-1 - fromEnd) ?? [])
      .filter((size) => !isOne(size));
    return rest.flatMap((size) => equalTo(first, size));
  }).flat();
}

function productDemands(at: TracedNode, a: Shape, b: Shape): Demand[] {
  const turned = (name: string) => at.opType === "Gemm" && intOf(at, name, 0) === 1;
  const summedA = turned("transA") ? a.at(-2) : a.at(-1);
  const summedB = b.length === 1 || turned("transB") ? b.at(-1) : b.at(-2);
  return equalTo(summedA, summedB);
}

function channels(value: Shape, weights: Size | undefined, groups: number): Demand[] {
  return weights === undefined ? [] : equalTo(value[1], product([weights, sizeOf(groups)]));
}

function concatDemands(at: TracedNode, shapes: readonly (Shape | null)[]): Demand[] {
  const [first, ...rest] = shapes.filter((shape) => shape !== null);
  if (first === undefined) return [];
  const joined = fromFront(intOf(at, "axis", 1), first.length);
  return rest.flatMap((shape) =>
    shape.flatMap((size, axis) => (axis === joined ? [] : equalTo(first[axis], size))),
  );
}

/** As many elements before as after: the first axis of an input stands for one row. */
function reshapeDemands(at: TracedNode, value: Shape): Demand[] {
  const asked = at.opset < 5 ? intsOf(at, "shape") : knownNumbers(input(at, 1));
  if (asked === null) return [];
  const copied = (axis: number) => asked[axis] === 0 && intOf(at, "allowzero", 0) === 0;
  const rest = value.filter((_, axis) => !copied(axis));
  const total = product(rest);
  const stated = asked.filter((size) => size > 0).reduce((all, size) => all * size, 1);
  const open = asked.includes(-1);
  if (!open) return equalTo(total, sizeOf(stated));
  const [lead, ...others] = rest;
  const demands = multipleOf(total, stated);
  // [n, samples] -> [-1, 480]: whatever the number of rows is, a row has to do alone.
  if (lead !== undefined && lead.symbols.length === 1 && others.length > 0)
    demands.push(...multipleOf(product([sizeOf(lead.coefficient), ...others]), stated));
  return demands;
}

function splitDemands(at: TracedNode, value: Shape, given: ReadonlySet<string>): Demand[] {
  const axis = fromFront(intOf(at, "axis", 0), value.length);
  const size = axis === null ? undefined : value[axis];
  const sizes = intsOf(at, "split") ?? knownNumbers(input(at, 1));
  if (sizes !== null && sizes.length > 0)
    return equalTo(size, sizeOf(sizes.reduce((sum, one) => sum + one, 0)));
  const name = at.node.input[1] ?? "";
  if (name === "") return hasAttribute(at, "num_outputs") ? [] : multipleOf(size, at.outputs);
  // Sizes that callers send: parts of one each.
  return given.has(name) ? equalTo(size, shapeOf(input(at, 1))?.[0]) : [];
}

function equalTo(a: Size | undefined, b: Size | undefined): Demand[] {
  return a === undefined || b === undefined ? [] : [{ kind: "equal", a, b }];
}

function multipleOf(of: Size | undefined, factor: number): Demand[] {
  return of === undefined || factor <= 1 ? [] : [{ kind: "multiple", of, factor }];
}

function shapeOf(value: Traced | null): Shape | null {
  return value === null || value.kind === "tainted" ? null : value.shape;
}
