import type { AttributeProto, GraphProto, NodeProto, TensorProto } from "@infaas/api";
import { product, type Size, type Symbols } from "./size";
import type { Cause, Traced } from "./traced";

/** What a rule is given of one node: attributes, traced inputs, the operator set, and ways to say what comes out. */
export interface TracedNode {
  readonly node: NodeProto;
  readonly opType: string;
  /** Version of the operator's domain. */
  readonly opset: number;
  /** Null where an optional input is left out. None of them is tainted. */
  readonly inputs: readonly (Traced | null)[];
  /** Number of outputs that the node names, also by an empty name. */
  readonly outputs: number;
  readonly symbols: Symbols;
  /** What the body of a control flow node answers, in the scope of the node. */
  body(graph: GraphProto, inputs: readonly Traced[]): readonly Traced[];
}

/** What an operator makes of its inputs: one value for all outputs, or one for each. */
export type Rule = (node: TracedNode) => Traced | readonly Traced[];

/** Elements depend on several rows, or on how many there are. `why` ends a sentence that begins with the operator. */
export function mixes(at: TracedNode, why: string): Traced {
  return taint(at, "mixes", why);
}

/** It is not excluded that elements depend on several rows. */
export function unknown(at: TracedNode, why: string): Traced {
  return taint(at, "unknown", why);
}

export function taint({ node, opType }: TracedNode, verdict: Cause["verdict"], why: string): Traced {
  return { kind: "tainted", cause: { verdict, opType, node: node.name ?? "", why } };
}

export function input(at: TracedNode, index: number): Traced | null {
  return at.inputs[index] ?? null;
}

function attribute({ node }: TracedNode, name: string): AttributeProto | undefined {
  return node.attribute.find((candidate) => candidate.name === name);
}

export function hasAttribute(at: TracedNode, name: string): boolean {
  return attribute(at, name) !== undefined;
}

export function intOf(at: TracedNode, name: string, fallback: number): number {
  const found = attribute(at, name);
  return found === undefined ? fallback : Number(found.i ?? 0n);
}

/** Null where the attribute is left out. */
export function intsOf(at: TracedNode, name: string): number[] | null {
  const found = attribute(at, name);
  return found === undefined ? null : found.ints.map(Number);
}

export function floatsOf(at: TracedNode, name: string): number[] | null {
  const found = attribute(at, name);
  return found === undefined ? null : [...found.floats];
}

export function textOf(at: TracedNode, name: string, fallback: string): string {
  const bytes = attribute(at, name)?.s;
  return bytes === undefined ? fallback : Buffer.from(bytes).toString();
}

export function tensorOf(at: TracedNode, name: string): TensorProto | undefined {
  return attribute(at, name)?.t;
}

export function graphOf(at: TracedNode, name: string): GraphProto | undefined {
  return attribute(at, name)?.g;
}

/** An axis counted from the front; null where there is none of that number. */
export function fromFront(axis: number, rank: number): number | null {
  const front = axis < 0 ? axis + rank : axis;
  return front >= 0 && front < rank ? front : null;
}

export function sizesBefore(shape: readonly Size[], axis: number): Size {
  return product(shape.slice(0, axis));
}

export function sizesAfter(shape: readonly Size[], axis: number): Size {
  return product(shape.slice(axis + 1));
}
