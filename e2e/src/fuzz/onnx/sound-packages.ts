import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { TensorProtoSchema } from "@infaas/api";
import { root } from "../../cluster";
import { echoModel, elementTypes, type Graph, onnxFile, tensor } from "../../onnx-file";

/** A model as it is registered: the ONNX file, and the files that it takes weights from. */
export interface OnnxPackage {
  readonly model: Buffer;
  readonly externalData: readonly ExternalFile[];
}

/** A file beside the ONNX file. */
export interface ExternalFile {
  readonly name: string;
  readonly bytes: Buffer;
}

const { FP32, INT64, BOOL } = elementTypes;
/** `AttributeProto.type` of a graph. */
const GRAPH = 5;

function weights(name: string, dims: readonly number[]): MessageInitShape<typeof TensorProtoSchema> {
  const count = dims.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, (_, i) => ((i * 37) % 19) / 19 - 0.5);
  return { name, dims: dims.map(BigInt), dataType: FP32, rawData: new Uint8Array(values.buffer) };
}

function integers(name: string, ...values: number[]): MessageInitShape<typeof TensorProtoSchema> {
  const rawData = new Uint8Array(BigInt64Array.from(values.map(BigInt)).buffer);
  return { name, dims: [BigInt(values.length)], dataType: INT64, rawData };
}

/** Two layers, a normalisation and a choice of classes. */
const layers: Graph = {
  name: "layers",
  input: [tensor("x", FP32, ["N", 8])],
  output: [tensor("y", FP32, ["N", 4])],
  initializer: [weights("w1", [8, 16]), weights("b1", [16]), weights("w2", [16, 4])],
  node: [
    { opType: "MatMul", input: ["x", "w1"], output: ["h"] },
    { opType: "Add", input: ["h", "b1"], output: ["hb"] },
    { opType: "Relu", input: ["hb"], output: ["r"] },
    { opType: "MatMul", input: ["r", "w2"], output: ["l"] },
    { opType: "Softmax", input: ["l"], output: ["y"] },
  ],
};

/** A picture through a convolution, with shapes that are computed. */
const picture: Graph = {
  name: "picture",
  input: [tensor("x", FP32, ["N", 1, 8, 8])],
  output: [tensor("y", FP32, ["N", "M"])],
  initializer: [weights("k", [2, 1, 3, 3]), integers("flat", 0, -1)],
  node: [
    { opType: "Conv", input: ["x", "k"], output: ["c"] },
    {
      opType: "MaxPool",
      input: ["c"],
      output: ["p"],
      attribute: [{ name: "kernel_shape", type: 7, ints: [2n, 2n] }],
    },
    { opType: "Reshape", input: ["p", "flat"], output: ["y"] },
  ],
};

/** Rows that are picked, sliced and joined by their own values. */
const lookup: Graph = {
  name: "lookup",
  input: [tensor("ids", INT64, ["N", "L"])],
  output: [tensor("y", FP32, ["N", "L", 8])],
  initializer: [weights("table", [32, 8]), integers("size", 32)],
  node: [
    { opType: "Mod", input: ["ids", "size"], output: ["m"] },
    { opType: "Abs", input: ["m"], output: ["a"] },
    { opType: "Gather", input: ["table", "a"], output: ["y"] },
  ],
};

/** A loop of four rounds whose body branches: what is small is doubled, all else halved and negated. */
const rounds: Graph = {
  name: "rounds",
  input: [tensor("x", FP32, [1, 4])],
  output: [tensor("y", FP32, [1, 4])],
  initializer: [integers("trips", 4), weights("half", [1]), weights("limit", [1])],
  node: [
    {
      opType: "Loop",
      input: ["trips", "", "x"],
      output: ["y"],
      attribute: [{ name: "body", type: GRAPH, g: roundOf() }],
    },
  ],
};

function roundOf(): Graph {
  const branch = (name: string, opType: string, operand: string): Graph => ({
    name,
    node: [{ opType, input: ["before", operand], output: [`${name}_y`] }],
    output: [tensor(`${name}_y`, FP32, [1, 4])],
  });
  const branches = [
    { name: "then_branch", type: GRAPH, g: branch("doubled", "Add", "before") },
    { name: "else_branch", type: GRAPH, g: branch("halved", "Mul", "half") },
  ];
  return {
    name: "round",
    input: [tensor("round", INT64, []), tensor("goes_on", BOOL, []), tensor("before", FP32, [1, 4])],
    output: [tensor("goes_on_too", BOOL, []), tensor("after", FP32, [1, 4])],
    node: [
      { opType: "Identity", input: ["goes_on"], output: ["goes_on_too"] },
      {
        opType: "ReduceMax",
        input: ["before"],
        output: ["largest"],
        attribute: [{ name: "keepdims", type: 2, i: 0n }],
      },
      { opType: "Less", input: ["largest", "limit"], output: ["is_small"] },
      { opType: "If", input: ["is_small"], output: ["after"], attribute: branches },
    ],
  };
}

/** y = x + w, where w lies in a file of its own. */
const external: Graph = {
  name: "external",
  input: [tensor("x", FP32, ["N", 8])],
  output: [tensor("y", FP32, ["N", 8])],
  initializer: [
    {
      name: "w",
      dims: [8n],
      dataType: FP32,
      dataLocation: 1,
      externalData: [
        { key: "location", value: "w.bin" },
        { key: "offset", value: "0" },
        { key: "length", value: "32" },
      ],
    },
  ],
  node: [{ opType: "Add", input: ["x", "w"], output: ["y"] }],
};

/** Models that are sound, whose mutants are registered. */
export function soundPackages(): readonly OnnxPackage[] {
  const alone = (model: Uint8Array): OnnxPackage => ({ model: Buffer.from(model), externalData: [] });
  const trained = readFileSync(join(root, "zoo", "models", "digits-logreg.onnx"));
  return [
    alone(onnxFile(layers)),
    alone(onnxFile(picture)),
    alone(onnxFile(lookup)),
    alone(onnxFile(rounds)),
    alone(echoModel(["FP32", "INT64", "BYTES", "BOOL"], ["FP32"])),
    alone(trained),
    {
      model: Buffer.from(onnxFile(external)),
      externalData: [{ name: "w.bin", bytes: Buffer.from(new Float32Array(8).buffer) }],
    },
  ];
}
