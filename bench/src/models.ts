import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from "@infaas/api";
import { type Random, seededRandom } from "@infaas/runtime";

/** One model: fixed random weights, one float32 input `x`, one output `y`. */
export interface BenchModel {
  readonly name: string;
  readonly path: string;
  /** Row shape of `x`. */
  readonly rowShape: readonly number[];
  /** Values in a row of `y`. */
  readonly outputs: number;
}

const float32 = 1;
const int64 = 7;
const attributeInts = 7;

/**
 * Writes the three models of the comparison into `folder`: mlp-s (64 values in, 256 B), mlp-m (1024, 4 KB)
 * and cnn (3×224×224, 602 KB).
 */
export function writeBenchModels(folder: string): readonly BenchModel[] {
  mkdirSync(folder, { recursive: true });
  return [
    write(folder, "mlp-s", [64], denseGraph([64, 256, 256, 10])),
    write(folder, "mlp-m", [1024], denseGraph([1024, 2048, 2048, 1000])),
    write(folder, "cnn", [3, 224, 224], convolutionGraph([16, 32, 64, 96, 128])),
  ];
}

/**
 * Writes two models that slice the first ten values out of their input of 256 B or 602 KB and compute nothing
 * else.
 */
export function writeSliceModels(folder: string): readonly BenchModel[] {
  mkdirSync(folder, { recursive: true });
  return [
    write(folder, "slice-s", [64], sliceGraph(10)),
    write(folder, "slice-l", [3 * 224 * 224], sliceGraph(10)),
  ];
}

/** Writes so many small models of different weights, each of 64 values in and ten out. */
export function writeSmallModels(folder: string, count: number): readonly BenchModel[] {
  mkdirSync(folder, { recursive: true });
  return Array.from({ length: count }, (_, i) =>
    write(folder, `small-${i}`, [64], denseGraph([64, 32, 10], i)),
  );
}

interface Graph {
  readonly nodes: readonly NodeProto[];
  readonly weights: readonly TensorProto[];
  readonly outputs: number;
}

function write(folder: string, name: string, rowShape: readonly number[], graph: Graph): BenchModel {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: "", version: 17n }],
    graph: {
      name,
      node: [...graph.nodes],
      initializer: [...graph.weights],
      input: [value("x", rowShape)],
      output: [value("y", [graph.outputs])],
    },
  });
  const path = join(folder, `${name}.onnx`);
  writeFileSync(path, toBinary(ModelProtoSchema, model));
  return { name, path, rowShape, outputs: graph.outputs };
}

function value(name: string, rowShape: readonly number[]) {
  const row = rowShape.map((size) => ({ value: { case: "dimValue" as const, value: BigInt(size) } }));
  const dim = [{ value: { case: "dimParam" as const, value: "N" } }, ...row];
  return { name, type: { tensorType: { elemType: float32, shape: { dim } } } };
}

function denseGraph(widths: readonly number[], seed = 0): Graph {
  const random = seededRandom(seed);
  const nodes: NodeProto[] = [];
  const weights: TensorProto[] = [];
  let from = "x";
  for (let layer = 0; layer + 1 < widths.length; layer++) {
    const [inputs, outputs] = [widths[layer] ?? 0, widths[layer + 1] ?? 0];
    const last = layer + 2 === widths.length;
    weights.push(
      constant(`w${layer}`, [inputs, outputs], inputs, random),
      constant(`b${layer}`, [outputs], 0, random),
    );
    nodes.push(node("Gemm", [from, `w${layer}`, `b${layer}`], last ? "y" : `h${layer}`));
    if (!last) nodes.push(node("Relu", [`h${layer}`], `r${layer}`));
    from = `r${layer}`;
  }
  return { nodes, weights, outputs: widths.at(-1) ?? 0 };
}

function convolutionGraph(channels: readonly number[]): Graph {
  const random = seededRandom(0);
  const nodes: NodeProto[] = [];
  const weights: TensorProto[] = [];
  let [from, inputs] = ["x", 3];
  for (const [layer, outputs] of channels.entries()) {
    weights.push(constant(`w${layer}`, [outputs, inputs, 3, 3], 9 * inputs, random));
    weights.push(constant(`b${layer}`, [outputs], 0, random));
    const step = { strides: [2, 2], pads: [1, 1, 1, 1] };
    nodes.push(
      node("Conv", [from, `w${layer}`, `b${layer}`], `c${layer}`, step),
      node("Relu", [`c${layer}`], `r${layer}`),
    );
    [from, inputs] = [`r${layer}`, outputs];
  }
  weights.push(constant("wf", [inputs, 1000], inputs, random), constant("bf", [1000], 0, random));
  nodes.push(
    node("GlobalAveragePool", [from], "g"),
    node("Flatten", ["g"], "f"),
    node("Gemm", ["f", "wf", "bf"], "y"),
  );
  return { nodes, weights, outputs: 1000 };
}

function sliceGraph(outputs: number): Graph {
  const weights = [
    ["starts", 0],
    ["ends", outputs],
    ["axes", 1],
  ] as const;
  return {
    nodes: [node("Slice", ["x", "starts", "ends", "axes"], "y")],
    weights: weights.map(([name, at]) =>
      create(TensorProtoSchema, {
        name,
        dims: [1n],
        dataType: int64,
        rawData: new Uint8Array(BigInt64Array.of(BigInt(at)).buffer),
      }),
    ),
    outputs,
  };
}

function node(
  opType: string,
  input: string[],
  output: string,
  ints: Readonly<Record<string, number[]>> = {},
) {
  const attribute = Object.entries(ints).map(([name, values]) => ({
    name,
    ints: values.map(BigInt),
    type: attributeInts,
  }));
  return create(NodeProtoSchema, { opType, input, output: [output], attribute });
}

/** Uniform with variance 1 / fanIn, so that activations keep their size; zeros when `fanIn` is 0. */
function constant(name: string, dims: readonly number[], fanIn: number, random: Random): TensorProto {
  const count = dims.reduce((product, size) => product * size, 1);
  const spread = fanIn === 0 ? 0 : Math.sqrt(12 / fanIn);
  const values = Float32Array.from({ length: count }, () => (random.next() - 0.5) * spread);
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: float32,
    rawData: new Uint8Array(values.buffer),
  });
}
