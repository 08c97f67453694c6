import type { NodeProto, TensorProto } from "@infaas/api";
import { constantTensor, createNode } from "@infaas/onnx";
import {
  ElementTypes,
  type FixtureTensor,
  graphFile,
  intsAttribute,
} from "@infaas/onnx/testing/graph-models";

/** A model with rows on the first axis of all inputs and of its output `y`. */
export interface RandomGraph {
  readonly file: Uint8Array;
  readonly inputs: readonly FixtureTensor[];
  /** Whether an operator of it lets rows meet in what the output depends on. */
  readonly mixes: boolean;
  /** Operators, for people. */
  readonly operators: readonly string[];
}

/** Size of the free axis in runs. */
export const FREE_SIZE = 3;
/** Size of an axis: a number, that of the free axis, or a multiple of the number of rows. */
export type Axis = number | "T" | { readonly rows: number };

/** A tensor of a graph that is being made. */
export interface Tensor {
  readonly name: string;
  readonly axes: readonly Axis[];
  /** Rows meet in it. */
  readonly mixed: boolean;
  /** Bits that hold its values exactly; infinite where they are rounded. */
  readonly bits: number;
}

/** Nodes, constants and tensors of a random graph as they are added. */
export class GraphDraft {
  private readonly nodes: NodeProto[] = [];
  private readonly constants: TensorProto[] = [];
  private readonly operators: string[] = [];
  private readonly tensors: Tensor[] = [];
  private readonly inputs: readonly FixtureTensor[] = [
    { name: "x", datatype: "FP32", dims: ["N", 4] },
    { name: "s", datatype: "FP32", dims: ["N", "T", 4] },
    { name: "d", datatype: "FP64", dims: ["N", 4] },
    { name: "i", datatype: "INT32", dims: ["N", 4] },
    { name: "b", datatype: "UINT8", dims: ["N", 4] },
    { name: "ids", datatype: "INT64", dims: ["N", 2] },
    { name: "mask", datatype: "BOOL", dims: ["N", 4] },
  ];
  private readonly used = new Set<string>(["x"]);
  private made = 0;

  constructor() {
    this.tensors.push({ name: "x", axes: [{ rows: 1 }, 4], mixed: false, bits: 8 });
  }

  /** Two earlier tensors, the first counted from the last one. */
  earlier(first: number, second: number): { readonly tensor: Tensor; readonly other: Tensor } {
    const { length } = this.tensors;
    return { tensor: this.tensors[length - 1 - (first % length)]!, other: this.tensors[second % length]! };
  }

  push(tensor: Tensor): void {
    this.tensors.push(tensor);
  }

  finish(): RandomGraph {
    const rowLed = ({ axes: [first] }: Tensor) => typeof first === "object" && first.rows === 1;
    const last = [...this.tensors].reverse().find(rowLed)!;
    this.nodes.push(createNode("Identity", { inputs: [last.name], outputs: ["y"] }));
    const { nodes, constants, operators } = this;
    const inputs = this.inputs.filter(({ name }) => this.used.has(name));
    const outputs = [{ name: "y", datatype: "FP32", dims: null } as const];
    const file = graphFile({ nodes, inputs, outputs, constants });
    return { file, inputs, mixes: last.mixed, operators };
  }

  /** An input, cast to float32. */
  input(name: string, axes: readonly Axis[]): Tensor {
    this.used.add(name);
    const cast = this.node("Cast", [name], { to: ElementTypes.FP32 });
    return { name: cast, axes, mixed: false, bits: 8 };
  }

  use(name: string): string {
    this.used.add(name);
    return name;
  }

  node(
    opType: string,
    inputs: readonly string[],
    integers: Readonly<Record<string, number>> = {},
    lists: Readonly<Record<string, readonly number[]>> = {},
    outputs = 1,
  ): string {
    this.made += 1;
    const names = Array.from({ length: outputs }, (_, index) => `t${this.made}${"_".repeat(index)}`);
    const node = createNode(opType, { inputs, outputs: names }, integers);
    node.attribute.push(...Object.entries(lists).map(([name, values]) => intsAttribute(name, values)));
    this.nodes.push(node);
    this.operators.push(opType);
    return names[0]!;
  }

  /** The node that was made last, to add to it. */
  get last(): NodeProto {
    return this.nodes.at(-1)!;
  }

  /** Weights of few bits, so that sums of them are exact. */
  weights(shape: readonly number[]): string {
    this.made += 1;
    const count = shape.reduce((all, size) => all * size, 1);
    const values = Float32Array.from({ length: count }, (_, at) => (((at * 7 + this.made) % 5) - 2) / 2);
    this.constants.push(constantTensor(`w${this.made}`, shape, values));
    return `w${this.made}`;
  }

  list(values: readonly number[], scalar = false): string {
    this.made += 1;
    const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
    const base = constantTensor(`c${this.made}`, scalar ? [] : [values.length], new Int32Array(0));
    this.constants.push({ ...base, dataType: ElementTypes.INT64, rawData });
    return `c${this.made}`;
  }

  number(value: number): string {
    this.made += 1;
    this.constants.push(constantTensor(`n${this.made}`, [], Float32Array.of(value)));
    return `n${this.made}`;
  }
}
