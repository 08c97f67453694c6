import type { FunctionProto, GraphProto, NodeProto, OperatorSetIdProto } from "@infaas/api";
import { constantOf } from "./constant";
import { ruleOf } from "./operators/operator-rules";
import { type Size, type Symbols, sizeOf } from "./size";
import { followed, shared, type Traced } from "./traced";
import { mixes, type Rule, type TracedNode, taint, tensorOf, unknown } from "./traced-node";

/** Functions within functions, at most; the format forbids that they call themselves. */
const FUNCTION_DEPTH_MAX = 64;

/** What a graph is traced with. */
export interface TraceOptions {
  readonly symbols: Symbols;
  readonly functions: readonly FunctionProto[];
  /** Versions of operator sets by domain. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Functions that this graph is within. */
  readonly depth: number;
  /** Called with each node whose inputs are known, before it is traced. */
  readonly observe?: (at: TracedNode) => void;
}

/** Tensors by name, and those of the graphs around. */
class Scope {
  private readonly own = new Map<string, Traced>();

  constructor(private readonly outer: Scope | null) {}

  get(name: string): Traced | null {
    return this.own.get(name) ?? this.outer?.get(name) ?? null;
  }

  set(name: string, value: Traced): void {
    if (name !== "") this.own.set(name, value);
  }
}

/** What the outputs of a graph are, given its inputs in the order in which it lists them. */
export function traceGraph(
  graph: GraphProto,
  inputs: readonly Traced[],
  options: TraceOptions,
  outer: Scope | null = null,
): readonly Traced[] {
  const scope = new Scope(outer);
  for (const [index, { name = "" }] of graph.input.entries())
    if (inputs[index] !== undefined) scope.set(name, inputs[index]);
  for (const tensor of graph.initializer) scope.set(tensor.name ?? "", constantOf(tensor));
  for (const { values, dims } of graph.sparseInitializer)
    scope.set(values?.name ?? "", shared(dims.map((size) => sizeOf(Number(size)))));
  traceNodes(graph.node, scope, options);
  return graph.output.map(({ name = "" }) => scope.get(name) ?? missing(name));
}

function traceNodes(nodes: readonly NodeProto[], scope: Scope, options: TraceOptions): void {
  for (const node of nodes) {
    const outputs = traceNode(node, scope, options);
    for (const [index, name] of node.output.entries()) {
      const value = Array.isArray(outputs) ? outputs[index] : outputs;
      scope.set(
        name,
        value ?? taint(viewOf(node, [], scope, options), "unknown", "has an output more than is known"),
      );
    }
  }
}

function traceNode(node: NodeProto, scope: Scope, options: TraceOptions): Traced | readonly Traced[] {
  const inputs = node.input.map((name) => (name === "" ? null : (scope.get(name) ?? missing(name))));
  const at = viewOf(node, inputs, scope, options);
  const tainted = inputs.find((value) => value?.kind === "tainted");
  if (tainted != null) return tainted;
  if (at.opType === "Constant" && (node.domain ?? "") === "") return constant(at);
  options.observe?.(at);
  const own = functionOf(node, options);
  if (own !== undefined) return traceFunction(own, at, options);
  const rule = ruleOf(node.domain ?? "", at.opType);
  const outputs = rule === null ? unknown(at, "is an operator that is not known") : ruled(rule, at);
  return sharedAtLeast(at, outputs);
}

/** Operators that take numbers which count rows for what they are. */
const TAKE_COUNTS = new Set(
  "Abs Add And Cast Ceil Concat ConstantOfShape Div Equal Expand Floor Gather Greater GreaterOrEqual Identity If Less LessOrEqual Loop Max Min Mul Neg Not Or Pad Range ReduceProd Reshape Resize Shape Size Slice Split Sqrt Squeeze Sub Tile Transpose Unsqueeze Upsample Where Xor".split(
    " ",
  ),
);

function ruled(rule: Rule, at: TracedNode): Traced | readonly Traced[] {
  if (at.inputs.some((value) => value?.kind === "count") && !TAKE_COUNTS.has(at.opType))
    return mixes(at, "computes with the number of rows in a batch");
  return rule(at);
}

/** Whatever a known operator makes of values that are the same for all rows is the same for all rows, unless it is drawn. */
function sharedAtLeast(at: TracedNode, outputs: Traced | readonly Traced[]): Traced | readonly Traced[] {
  if (ruleOf(at.node.domain ?? "", at.opType) === null || hasBody(at.node)) return outputs;
  if (!at.inputs.every((value) => value === null || value.kind === "shared")) return outputs;
  const least = (value: Traced) =>
    value.kind === "tainted" && value.cause.verdict !== "random" ? shared(null) : value;
  return "kind" in outputs ? least(outputs) : outputs.map(least);
}

function hasBody({ attribute }: NodeProto): boolean {
  return attribute.some(({ g }) => g !== undefined);
}

/** A constant that stands in a node. */
function constant(at: TracedNode): Traced {
  const tensor = tensorOf(at, "value");
  if (tensor !== undefined) return constantOf(tensor);
  const [attribute] = at.node.attribute;
  const { name, i = 0n, f = 0, ints = [], floats = [], sparseTensor, strings = [] } = attribute ?? {};
  const list = (values: readonly number[], integer: boolean, shape: readonly Size[]) =>
    followed(shape, { elements: values.map(sizeOf), integer });
  switch (name) {
    case "value_int":
      return list([Number(i)], true, []);
    case "value_float":
      return list([f], false, []);
    case "value_ints":
      return list(ints.map(Number), true, [sizeOf(ints.length)]);
    case "value_floats":
      return list(floats, false, [sizeOf(floats.length)]);
    case "value_strings":
      return shared([sizeOf(strings.length)]);
    case "value_string":
      return shared([]);
    case "sparse_value":
      return shared(sparseTensor?.dims.map((size) => sizeOf(Number(size))) ?? null);
    default:
      return shared(null);
  }
}

function functionOf({ domain = "", opType = "", overload = "" }: NodeProto, { functions }: TraceOptions) {
  return functions.find(
    (own) => own.name === opType && (own.domain ?? "") === domain && (own.overload ?? "") === overload,
  );
}

/** The nodes of a function, with the caller's attributes in place of the function's. */
function traceFunction(
  own: FunctionProto,
  at: TracedNode,
  options: TraceOptions,
): Traced | readonly Traced[] {
  if (options.depth >= FUNCTION_DEPTH_MAX) return unknown(at, "is a function that is too deep within others");
  const given = new Map([...own.attributeProto, ...at.node.attribute].map((one) => [one.name ?? "", one]));
  const scope = new Scope(null);
  for (const [index, name] of own.input.entries()) {
    const value = at.inputs[index];
    if (value != null) scope.set(name, value);
  }
  const opsets = opsetsOf(own.opsetImport);
  const nodes = own.node.map((node) => withAttributes(node, given));
  traceNodes(nodes, scope, { ...options, opsets, depth: options.depth + 1 });
  return own.output.map((name) => scope.get(name) ?? missing(name));
}

type Attributes = ReadonlyMap<string, NodeProto["attribute"][number]>;

function withAttributes(node: NodeProto, given: Attributes): NodeProto {
  const attribute = node.attribute.flatMap((own) => {
    if (own.g !== undefined)
      return [{ ...own, g: { ...own.g, node: own.g.node.map((inner) => withAttributes(inner, given)) } }];
    if (!own.refAttrName) return [own];
    const value = given.get(own.refAttrName);
    return value === undefined ? [] : [{ ...value, ...(own.name === undefined ? {} : { name: own.name }) }];
  });
  return { ...node, attribute };
}

/** Versions by domain; ONNX's own domain has two names. */
export function opsetsOf(imports: readonly OperatorSetIdProto[]): ReadonlyMap<string, number> {
  return new Map(
    imports.map(({ domain = "", version = 1n }) => [domain === "ai.onnx" ? "" : domain, Number(version)]),
  );
}

function viewOf(
  node: NodeProto,
  inputs: readonly (Traced | null)[],
  scope: Scope,
  options: TraceOptions,
): TracedNode {
  const domain = node.domain === "ai.onnx" ? "" : (node.domain ?? "");
  return {
    node,
    opType: node.opType ?? "",
    opset: options.opsets.get(domain) ?? 1,
    inputs,
    outputs: node.output.length,
    symbols: options.symbols,
    body: (graph, given) => traceGraph(graph, given, options, scope),
  };
}

function missing(name: string): Traced {
  const cause = {
    verdict: "unknown",
    opType: "",
    node: "",
    why: `tensor ${name} is made by no node`,
  } as const;
  return { kind: "tainted", cause };
}
