import type { NodeProto, TensorProto, ValueInfoProto } from "@infaas/api";
import { ElementType, floatsOf } from "../file/float-tensor";
import { type OnnxModel, opsetOf } from "../file/model-file";
import { floatAttribute, intAttribute } from "../file/node";
import { type DenseNetwork, NetworkBuilder, type NetworkTensor } from "./dense-network";

/** What the kernel module would compute of a file, or why it does not run it. */
export type KernelPlanning =
  | { readonly possible: true; readonly network: DenseNetwork }
  | { readonly possible: false; readonly reason: string };

/** Operator set that gave Add and Mul the broadcasting of today. */
const OPSET_MIN = 7;

/** An operator that is not run, or a form of it. */
class Unsupported extends Error {}

/**
 * Reads a file as layers that follow each other: Gemm and MatMul with constant weights, Add, Sub and Mul with constants, Relu,
 * Flatten and Identity, in float32, from one input to one output. Whatever else there is, is the reason why it is not run.
 */
export function planKernels(model: OnnxModel): KernelPlanning {
  try {
    return { possible: true, network: new Planner(model).plan() };
  } catch (fault) {
    if (fault instanceof Unsupported) return { possible: false, reason: fault.message };
    throw fault;
  }
}

class Planner {
  private readonly constants: Map<string, TensorProto>;
  private readonly steps = new NetworkBuilder();
  /** The value that the next operator takes, and the shape of a row of it. */
  private value: string;
  private dims: readonly number[];

  constructor(private readonly model: OnnxModel) {
    this.constants = new Map(model.graph.initializer.map((tensor) => [tensor.name ?? "", tensor]));
    const { name, rowDims } = this.input;
    this.value = name;
    this.dims = rowDims;
  }

  plan(): DenseNetwork {
    const { graph } = this.model;
    const opset = opsetOf(this.model);
    if (opset < OPSET_MIN)
      throw new Unsupported(`operator set ${opset} is not run, from ${OPSET_MIN} on they are`);
    for (const node of graph.node) this.take(node);
    const output = graph.output.length === 1 ? graph.output[0] : undefined;
    if (output === undefined) throw new Unsupported(`it has ${graph.output.length} outputs, run is one`);
    if (output.name !== this.value)
      throw new Unsupported(`output ${output.name} is not what its last operator gives`);
    if (this.steps.isEmpty) throw new Unsupported("it computes nothing");
    const { batchAxis } = this.input;
    return this.steps.network(this.input, { name: this.value, batchAxis, rowDims: this.dims });
  }

  private get input(): NetworkTensor {
    const { input } = this.model.graph;
    const optional = input.find(({ name }) => this.constants.has(name ?? ""));
    if (optional !== undefined)
      throw new Unsupported(`callers may send ${optional.name} in place of a default`);
    const [only] = input;
    if (only === undefined || input.length > 1)
      throw new Unsupported(`it has ${input.length} inputs, run is one`);
    return networkTensor(only);
  }

  private take(node: NodeProto): void {
    const { opType = "", domain = "" } = node;
    if (domain !== "" && domain !== "ai.onnx")
      throw new Unsupported(`operator ${domain}.${opType} is not run`);
    if (opType === "Constant") {
      this.keep(node);
      return;
    }
    const [first = "", second = "", third = ""] = node.input;
    const [output = ""] = node.output;
    if (node.input.filter((name) => name === this.value).length !== 1 || node.output.length !== 1)
      throw new Unsupported(`operator ${opType} of ${output} does not follow the one before it alone`);
    const follows = first === this.value;
    if (!follows && !["Add", "Mul"].includes(opType))
      throw new Unsupported(
        `operator ${opType} of ${output} takes what is computed as another input than its first`,
      );
    this.layer(node, follows ? second : first, third);
    this.value = output;
  }

  private layer(node: NodeProto, constant: string, bias: string): void {
    const { opType = "" } = node;
    switch (opType) {
      case "Identity":
        break;
      case "Relu":
        this.steps.relu(this.width);
        break;
      case "Flatten":
        this.flatten(node);
        break;
      case "Gemm":
        this.gemm(node, constant, bias);
        break;
      case "MatMul":
        this.dense(opType, constant, false, null);
        break;
      case "Mul":
        this.steps.affine(this.width, this.perElement(opType, constant), null);
        break;
      case "Add":
        this.steps.affine(this.width, null, this.perElement(opType, constant));
        break;
      case "Sub":
        this.steps.affine(
          this.width,
          null,
          this.perElement(opType, constant).map((value) => -value),
        );
        break;
      default:
        throw new Unsupported(`operator ${opType} is not run`);
    }
  }

  private get width(): number {
    return this.dims.reduce((product, size) => product * size, 1);
  }

  private keep({ attribute, output: [name = ""] }: NodeProto): void {
    const tensor = attribute.find((one) => one.name === "value")?.t;
    if (tensor !== undefined) this.constants.set(name, tensor);
  }

  private flatten(node: NodeProto): void {
    const axis = intAttribute(node, "axis", 1);
    if (axis !== 1) throw new Unsupported(`Flatten at axis ${axis} is not run`);
    this.dims = [this.width];
  }

  private gemm(node: NodeProto, weights: string, bias: string): void {
    const scaled = floatAttribute(node, "alpha", 1) !== 1 || floatAttribute(node, "beta", 1) !== 1;
    if (scaled || intAttribute(node, "transA", 0) !== 0)
      throw new Unsupported("Gemm with alpha, beta or transA is not run");
    this.dense("Gemm", weights, intAttribute(node, "transB", 0) === 1, bias === "" ? null : bias);
  }

  private dense(opType: string, weights: string, transposed: boolean, bias: string | null): void {
    const { dims, values } = this.constant(opType, weights);
    const [ins = 0, outs = 0] = transposed ? [...dims].reverse() : dims;
    if (dims.length !== 2 || this.dims.length !== 1 || ins !== this.width)
      throw new Unsupported(`${opType} of rows [${this.dims}] and weights [${dims}] is not run`);
    this.dims = [outs];
    const offsets = bias === null ? null : this.perElement(opType, bias);
    this.steps.dense({ ins, outs }, transposed ? transpose(values, outs, ins) : values, offsets);
  }

  /** A constant that is the same for every row: one number, or one for each element of a row. */
  private perElement(opType: string, name: string): Float32Array {
    const { dims, values } = this.constant(opType, name);
    const addsNoAxis = dims.length <= this.dims.length + 1;
    if (addsNoAxis && (values.length === 1 || sameDims(dims, this.dims))) return values;
    throw new Unsupported(`${opType} of rows [${this.dims}] and a constant of [${dims}] is not run`);
  }

  private constant(opType: string, name: string): { dims: readonly number[]; values: Float32Array } {
    const tensor = this.constants.get(name);
    if (tensor === undefined) throw new Unsupported(`${opType} with two computed inputs is not run`);
    const values = floatsOf(tensor);
    if (values === null) throw new Unsupported(`constant ${name} is not float32, or in another file`);
    return { dims: tensor.dims.map(Number), values };
  }
}

function networkTensor({ name = "", type }: ValueInfoProto): NetworkTensor {
  const tensor = type?.tensorType;
  const [batch, ...row] = tensor?.shape?.dim ?? [];
  if (tensor?.elemType !== ElementType.float) throw new Unsupported(`input ${name} is not float32`);
  const rowDims = row.map(({ value }) => (value.case === "dimValue" ? Number(value.value) : -1));
  if (batch === undefined || batch.value.case === "dimValue" || rowDims.some((size) => size < 1))
    throw new Unsupported(`input ${name} must have a free first axis and no other`);
  return { name, batchAxis: batch.value.case === "dimParam" ? batch.value.value : "", rowDims };
}

/** Whether shapes are the same but for leading axes of size 1. */
function sameDims(these: readonly number[], those: readonly number[]): boolean {
  const [left, right] = [these, those].map((dims) => {
    const begin = dims.findIndex((size) => size !== 1);
    return begin < 0 ? "" : dims.slice(begin).join();
  });
  return left === right;
}

/** Rows of `width` values become columns. */
function transpose(values: Float32Array, rows: number, width: number): Float32Array {
  const turned = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < width; column++)
      turned[column * rows + row] = values[row * width + column]!;
  return turned;
}
