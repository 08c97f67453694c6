import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** ONNX's numbers for the element types the tests use. */
export const onnxType = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  string: 8,
  float16: 10,
  float64: 11,
} as const;

/** An input or output of a test model; a string is a dynamic axis. */
export interface Io {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly (number | string)[];
}

/** One operator. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole-number attributes. */
  readonly ints?: Readonly<Record<string, number>>;
}

/** A constant of the graph; float32. */
export interface Weight {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

/** A small graph. */
export interface Graph {
  readonly inputs: readonly Io[];
  readonly outputs: readonly Io[];
  readonly nodes: readonly Node[];
  readonly weights?: readonly Weight[];
}

/** Writes a graph as an .onnx file (IR 8, opset 17) into a temporary folder and returns its path. */
export function writeModel(graph: Graph): string {
  const path = join(mkdtempSync(join(tmpdir(), "cuda-batcher-")), "model.onnx");
  writeFileSync(path, encodeModel(graph));
  return path;
}

/** A graph in ONNX's protobuf encoding (field numbers of onnx.proto). */
export function encodeModel(graph: Graph): Buffer {
  const opset = message([[2, 17]]);
  return message([
    [1, 8],
    [7, encodeGraph(graph)],
    [8, opset],
  ]);
}

function encodeGraph(graph: Graph): Buffer {
  return message([
    ...graph.nodes.map((node): Field => [1, encodeNode(node)]),
    [2, "test"],
    ...(graph.weights ?? []).map((weight): Field => [5, encodeWeight(weight)]),
    ...graph.inputs.map((io): Field => [11, encodeIo(io)]),
    ...graph.outputs.map((io): Field => [12, encodeIo(io)]),
  ]);
}

function encodeNode(node: Node): Buffer {
  return message([
    ...node.inputs.map((name): Field => [1, name]),
    ...node.outputs.map((name): Field => [2, name]),
    [4, node.op],
    ...Object.entries(node.ints ?? {}).map(
      ([name, value]): Field => [
        5,
        message([
          [1, name],
          [3, value],
          [20, 2],
        ]),
      ],
    ),
  ]);
}

function encodeWeight(weight: Weight): Buffer {
  const { buffer, byteOffset, byteLength } = weight.values;
  return message([
    ...weight.dims.map((dim): Field => [1, dim]),
    [2, onnxType.float32],
    [8, weight.name],
    [9, Buffer.from(buffer, byteOffset, byteLength)],
  ]);
}

function encodeIo(io: Io): Buffer {
  const shape = message(
    io.dims.map((dim): Field => [1, message([typeof dim === "string" ? [2, dim] : [1, dim]])]),
  );
  const tensor = message([
    [1, io.type],
    [2, shape],
  ]);
  return message([
    [1, io.name],
    [2, message([[1, tensor]])],
  ]);
}

type Field = readonly [number: number, value: number | string | Buffer];

function message(fields: readonly Field[]): Buffer {
  const parts: Buffer[] = [];
  for (const [number, value] of fields) {
    if (typeof value === "number") {
      parts.push(varint(number << 3), varint(value));
    } else {
      const bytes = typeof value === "string" ? Buffer.from(value) : value;
      parts.push(varint((number << 3) | 2), varint(bytes.length), bytes);
    }
  }
  return Buffer.concat(parts);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}
