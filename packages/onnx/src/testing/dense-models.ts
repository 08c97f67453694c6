import { create } from "@bufbuild/protobuf";
import {
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "@infaas/api";
import { type Random, seededRandom } from "@infaas/runtime";
import { constantTensor, ElementType } from "../file/float-tensor";
import type { OnnxModel } from "../file/model-file";
import { createNode } from "../file/node";

/** Small models with pseudo-random weights, for tests: what they compute is fixed by the seed. */
export interface FixtureGraph {
  readonly nodes: readonly NodeProto[];
  readonly constants: readonly TensorProto[];
  readonly input: readonly (number | string)[];
  readonly output: readonly (number | string)[];
  /** Element type of both; default float32. */
  readonly elemType?: number;
}

const IR_VERSION = 8n;
const OPSET = 17n;

/** A model with input `x` and output `y`; a name among the sizes is a free axis. */
export function fixtureModel({ nodes, constants, input, output, elemType }: FixtureGraph): OnnxModel {
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    opsetImport: [{ domain: "", version: OPSET }],
    graph: {
      name: "fixture",
      node: [...nodes],
      initializer: [...constants],
      input: [valueInfo("x", input, elemType)],
      output: [valueInfo("y", output, elemType)],
    },
  });
  return model as OnnxModel;
}

/** Dense layers of the given widths with biases and Relu between them. */
export function denseModel(widths: readonly number[], seed = 1): OnnxModel {
  const random = seededRandom(seed);
  const nodes: NodeProto[] = [];
  const constants: TensorProto[] = [];
  const layers = widths.slice(1);
  let value = "x";
  for (const [index, width] of layers.entries()) {
    const before = widths[index]!;
    const last = index === layers.length - 1;
    constants.push(
      normal(random, `w${index}`, [before, width], before),
      normal(random, `b${index}`, [width], 4),
    );
    nodes.push(
      createNode("Gemm", { inputs: [value, `w${index}`, `b${index}`], outputs: [last ? "y" : `h${index}`] }),
    );
    if (!last) nodes.push(createNode("Relu", { inputs: [`h${index}`], outputs: [`r${index}`] }));
    value = `r${index}`;
  }
  return fixtureModel({ nodes, constants, input: ["N", widths[0]!], output: ["N", widths.at(-1)!] });
}

/** Two 3 x 3 convolutions with Relu, a pooling to one value per channel and a dense layer to ten classes. */
export function convolutionModel(o: {
  readonly channels: number;
  readonly size: number;
  readonly seed?: number;
}): OnnxModel {
  const random = seededRandom(o.seed ?? 2);
  const { channels, size } = o;
  const constants = [
    normal(random, "k0", [channels, 1, 3, 3], 9),
    normal(random, "kb0", [channels], 4),
    normal(random, "k1", [channels, channels, 3, 3], 9 * channels),
    normal(random, "w", [channels, 10], channels / 16),
  ];
  const nodes = [
    createNode("Conv", { inputs: ["x", "k0", "kb0"], outputs: ["c0"] }),
    createNode("Relu", { inputs: ["c0"], outputs: ["r0"] }),
    createNode("Conv", { inputs: ["r0", "k1"], outputs: ["c1"] }),
    createNode("Relu", { inputs: ["c1"], outputs: ["r1"] }),
    createNode("GlobalAveragePool", { inputs: ["r1"], outputs: ["p"] }),
    createNode("Flatten", { inputs: ["p"], outputs: ["f"] }),
    createNode("MatMul", { inputs: ["f", "w"], outputs: ["y"] }),
  ];
  return fixtureModel({ nodes, constants, input: ["N", 1, size, size], output: ["N", 10] });
}

/**
 * Subtracts the mean over the first axis: a row's answer depends on the rows beside it although that axis is
 * free.
 */
export function crossRowModel(width: number): OnnxModel {
  const nodes = [
    createNode("ReduceMax", { inputs: ["x"], outputs: ["m"] }),
    createNode("Sub", { inputs: ["x", "m"], outputs: ["y"] }),
  ];
  return fixtureModel({ nodes, constants: [], input: ["N", width], output: ["N", width] });
}

/** `count` rows of `width` float32 values between -1 and 1, fixed by the seed. */
export function fixtureRows(count: number, width: number, seed = 3): Buffer {
  const random = seededRandom(seed);
  const values = Float32Array.from({ length: count * width }, () => random.next() * 2 - 1);
  return Buffer.from(values.buffer);
}

function normal(random: Random, name: string, dims: readonly number[], fanIn: number): TensorProto {
  const count = dims.reduce((product, size) => product * size, 1);
  const spread = Math.sqrt(3 / fanIn);
  return constantTensor(
    name,
    dims,
    Float32Array.from({ length: count }, () => (random.next() * 2 - 1) * spread),
  );
}

function valueInfo(
  name: string,
  sizes: readonly (number | string)[],
  elemType: number = ElementType.float,
): ValueInfoProto {
  const dim = sizes.map((size) => ({
    value:
      typeof size === "number"
        ? { case: "dimValue" as const, value: BigInt(size) }
        : { case: "dimParam" as const, value: size },
  }));
  return create(ValueInfoProtoSchema, {
    name,
    type: { tensorType: { elemType, shape: { dim } } },
  });
}
