import { create } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  type NodeProto,
  NodeProtoSchema,
} from "@infaas/api";

/** `AttributeProto.type` of an integer. */
const INT_ATTRIBUTE = 2;

/** A node of ONNX's own domain; attributes are integers. */
export function createNode(
  opType: string,
  wires: { readonly inputs: readonly string[]; readonly outputs: readonly string[] },
  attributes: Readonly<Record<string, number>> = {},
): NodeProto {
  return create(NodeProtoSchema, {
    opType,
    name: `${opType}:${wires.outputs[0]}`,
    input: [...wires.inputs],
    output: [...wires.outputs],
    attribute: Object.entries(attributes).map(([name, value]) =>
      create(AttributeProtoSchema, { name, type: INT_ATTRIBUTE, i: BigInt(value) }),
    ),
  });
}

/** Integer attribute of a node, or `fallback` when it is absent. */
export function intAttribute(node: NodeProto, name: string, fallback: number): number {
  return Number(findAttribute(node, name)?.i ?? fallback);
}

/** Float attribute of a node, or `fallback` when it is absent. */
export function floatAttribute(node: NodeProto, name: string, fallback: number): number {
  return findAttribute(node, name)?.f ?? fallback;
}

/** Names of values that the bodies of a graph's conditionals and loops read, at any depth. */
export function namesUsedInBodies(graph: GraphProto): Set<string> {
  const names = new Set<string>();
  for (const body of bodiesOf(graph)) {
    for (const node of body.node) for (const input of node.input) names.add(input);
    for (const { name = "" } of body.output) names.add(name);
    for (const name of namesUsedInBodies(body)) names.add(name);
  }
  return names;
}

/** Bodies of a graph's conditionals and loops, not those within them. */
export function bodiesOf(graph: GraphProto): GraphProto[] {
  return graph.node.flatMap((node) =>
    node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs)),
  );
}

function findAttribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((attribute) => attribute.name === name);
}
