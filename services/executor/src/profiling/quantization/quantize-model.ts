import { clone } from "@bufbuild/protobuf";
import { GraphProtoSchema, type NodeProto, NodeProtoSchema, type TensorProto } from "@infaas/api";
import type { OnnxModel, QuantizableNode } from "@infaas/onnx";
import { constantTensor, createNode, dimsOf, floatsOf, namesUsedInBodies } from "@infaas/onnx";
import { type ActivationRange, type ActivationScale, scaleOf } from "./activation-range";
import { quantizeBias, quantizeWeights } from "./quantized-weights";

/** Returns the names of the activations whose ranges `quantizeModel` takes. */
export function activationsToCalibrate(nodes: readonly QuantizableNode[]): string[] {
  return [
    ...new Set(
      nodes.flatMap((n) => (n.quantizedOutput === null ? [n.activation] : [n.activation, n.quantizedOutput])),
    ),
  ];
}

/**
 * Returns a copy of a model whose given nodes compute in int8, written as QuantizeLinear/DequantizeLinear
 * pairs that onnxruntime fuses into integer kernels. All scales are constants of the graph, so a row's answer
 * never depends on the rows it shares a batch with. The input is not changed.
 *
 * @param ranges Range of every activation named by `activationsToCalibrate(nodes)`.
 * @param weightLimit Largest magnitude of a weight: 127, or 64 where the processor adds u8 x s8 products in
 * 16 bits.
 */
export function quantizeModel(o: {
  readonly model: OnnxModel;
  readonly nodes: readonly QuantizableNode[];
  readonly ranges: ReadonlyMap<string, ActivationRange>;
  readonly weightLimit: number;
}): OnnxModel {
  const targets = new Map(o.nodes.map((target) => [target.node.output[0] ?? "", target]));
  const answers = new Set(o.nodes.flatMap(({ quantizedOutput }) => quantizedOutput ?? []));
  const draft = new Draft({ ranges: o.ranges, answers, weightLimit: o.weightLimit });
  for (const node of o.model.graph.node) draft.append(node, targets.get(node.output[0] ?? ""));
  const graph = clone(GraphProtoSchema, o.model.graph);
  graph.node = draft.nodes;
  const used = namesUsedInBodies(graph);
  for (const { name = "" } of graph.output) used.add(name);
  for (const { input } of graph.node) for (const name of input) used.add(name);
  const kept = graph.initializer.filter(({ name = "" }) => used.has(name));
  const dropped = new Set(graph.initializer.map(({ name }) => name).filter((name = "") => !used.has(name)));
  graph.initializer = [...kept, ...draft.constants];
  graph.input = graph.input.filter(({ name }) => !dropped.has(name));
  return { ...o.model, graph };
}

/** The quantised graph while it is written, node by node. */
class Draft {
  readonly nodes: NodeProto[] = [];
  readonly constants: TensorProto[] = [];
  /** Activation → name of its value after quantising and dequantising. */
  private readonly dequantized = new Map<string, string>();
  private readonly ranges: ReadonlyMap<string, ActivationRange>;
  /**
   * Answers of convolutions: everything downstream reads the dequantised value, which keeps the original
   * name.
   */
  private readonly answers: ReadonlySet<string>;
  private readonly weightLimit: number;

  constructor(o: {
    readonly ranges: ReadonlyMap<string, ActivationRange>;
    readonly answers: ReadonlySet<string>;
    readonly weightLimit: number;
  }) {
    this.ranges = o.ranges;
    this.answers = o.answers;
    this.weightLimit = o.weightLimit;
    for (const answer of o.answers) this.dequantized.set(answer, answer);
  }

  append(node: NodeProto, target: QuantizableNode | undefined): void {
    const copy = clone(NodeProtoSchema, node);
    if (target) copy.input = this.integerInputs(target);
    const answer = copy.output.find((name) => this.answers.has(name));
    this.nodes.push(copy);
    if (answer === undefined) return;
    copy.output = copy.output.map((name) => (name === answer ? `${answer}/float` : name));
    this.quantize(`${answer}/float`, answer, answer);
  }

  private integerInputs(target: QuantizableNode): string[] {
    const { activation, weight, bias } = target;
    const { scale } = this.scaleOf(activation);
    const dims = dimsOf(weight);
    const biasValues = bias ? floatsOf(bias) : null;
    const weights = quantizeWeights({
      weights: valuesOf(weight),
      dims,
      channelAxis: target.channelAxis,
      limit: this.weightLimit,
      bias: biasValues,
      activationScale: scale,
    });
    const name = target.node.output[0] ?? "";
    const inputs = [
      this.dequantizedActivation(activation),
      this.dequantizedConstant(`${name}/weight`, { dims, ...weights, axis: target.channelAxis }),
    ];
    if (!biasValues) return inputs;
    const biases = quantizeBias(biasValues, scale, weights.scales);
    return [
      ...inputs,
      this.dequantizedConstant(`${name}/bias`, { dims: [biasValues.length], ...biases, axis: 0 }),
    ];
  }

  private dequantizedActivation(activation: string): string {
    const known = this.dequantized.get(activation);
    if (known !== undefined) return known;
    const name = `${activation}/dequantized`;
    this.quantize(activation, name, activation);
    this.dequantized.set(activation, name);
    return name;
  }

  private quantize(source: string, target: string, activation: string): void {
    const { scale, zeroPoint } = this.scaleOf(activation);
    const names = {
      value: `${activation}/uint8`,
      scale: `${activation}/scale`,
      zeroPoint: `${activation}/zero_point`,
    };
    this.constants.push(
      constantTensor(names.scale, [], Float32Array.of(scale)),
      constantTensor(names.zeroPoint, [], Uint8Array.of(zeroPoint)),
    );
    this.nodes.push(
      createNode("QuantizeLinear", {
        inputs: [source, names.scale, names.zeroPoint],
        outputs: [names.value],
      }),
      createNode("DequantizeLinear", {
        inputs: [names.value, names.scale, names.zeroPoint],
        outputs: [target],
      }),
    );
  }

  private dequantizedConstant(
    name: string,
    o: {
      readonly dims: readonly number[];
      readonly values: Int8Array | Int32Array;
      readonly scales: Float32Array;
      readonly axis: number;
    },
  ): string {
    const names = { value: `${name}/int`, scale: `${name}/scale`, zeroPoint: `${name}/zero_point` };
    const zeros =
      o.values instanceof Int8Array ? new Int8Array(o.scales.length) : new Int32Array(o.scales.length);
    this.constants.push(
      constantTensor(names.value, o.dims, o.values),
      constantTensor(names.zeroPoint, [zeros.length], zeros),
      constantTensor(names.scale, [o.scales.length], o.scales),
    );
    const wires = { inputs: [names.value, names.scale, names.zeroPoint], outputs: [`${name}/dequantized`] };
    this.nodes.push(createNode("DequantizeLinear", wires, { axis: o.axis }));
    return `${name}/dequantized`;
  }

  private scaleOf(activation: string): ActivationScale {
    const range = this.ranges.get(activation);
    if (!range) throw new Error(`activation ${activation} was not calibrated: this is a bug`);
    return scaleOf(range);
  }
}

function valuesOf(weight: TensorProto): Float32Array {
  const values = floatsOf(weight);
  if (!values) throw new Error(`weight ${weight.name} is not float32: this is a bug`);
  return values;
}
