import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** ONNX's numbers for the element types the tests use. */
export const onnxType = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  bfloat16: 16,
} as const;

/** An input or output of a test model; a string is a dynamic axis, dims that are null are not declared. */
export interface Io {
  readonly name: string;
  readonly type: number;
  readonly dims: readonly (number | string)[] | null;
  /** What it is instead of a tensor: a sequence of such tensors, a sequence of maps to such values, an optional or sparse one. */
  readonly kind?:
    | "sequence"
    | "optional"
    | "sparse"
    | { readonly mapsFrom: number }
    | { readonly mapFrom: number };
}

/** One operator. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whole-number attributes. */
  readonly ints?: Readonly<Record<string, number>>;
  /** Attributes that are lists of whole numbers, of texts, or of floats. */
  readonly lists?: Readonly<Record<string, readonly number[] | readonly string[] | Float32Array>>;
  /** Attributes that are graphs. */
  readonly graphs?: Readonly<Record<string, Graph>>;
  /** Default: ONNX's own operators. */
  readonly domain?: "ai.onnx.ml" | "com.microsoft";
}

/** A constant of the graph; float32. */
export interface Weight {
  readonly name: string;
  readonly dims: readonly number[];
  /** A text names the file beside the model that holds the values. */
  readonly values: Float32Array | string;
}

/** A small graph. */
export interface Graph {
  readonly inputs: readonly Io[];
  readonly outputs: readonly Io[];
  readonly nodes: readonly Node[];
  readonly weights?: readonly Weight[];
  /** Version of ONNX's own operators; default 17. */
  readonly opset?: number;
}

/** Writes a graph as an .onnx file (IR 8) into a temporary folder and returns its path. */
export function writeModel(graph: Graph): string {
  const path = join(mkdtempSync(join(tmpdir(), "cuda-batcher-")), "model.onnx");
  writeFileSync(path, encodeModel(graph));
  return path;
}

/** A graph in ONNX's protobuf encoding (field numbers of onnx.proto). */
export function encodeModel(graph: Graph): Buffer {
  return message([
    [1, 8],
    [7, encodeGraph(graph)],
    [8, message([[2, graph.opset ?? 17]])],
    [
      8,
      message([
        [1, "ai.onnx.ml"],
        [2, 3],
      ]),
    ],
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
    [7, node.domain ?? ""],
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
    ...Object.entries(node.lists ?? {}).map(([name, values]): Field => [5, encodeList(name, values)]),
    ...Object.entries(node.graphs ?? {}).map(
      ([name, graph]): Field => [
        5,
        message([
          [1, name],
          [6, encodeGraph(graph)],
          [20, 5],
        ]),
      ],
    ),
  ]);
}

function encodeList(name: string, values: readonly number[] | readonly string[] | Float32Array): Buffer {
  if (values instanceof Float32Array) {
    return message([
      [1, name],
      [7, Buffer.from(values.buffer, values.byteOffset, values.byteLength)],
      [20, 6],
    ]);
  }
  const texts = typeof values[0] === "string";
  return message([[1, name], ...values.map((value): Field => [texts ? 9 : 8, value]), [20, texts ? 8 : 7]]);
}

function encodeWeight(weight: Weight): Buffer {
  const { dims, name, values } = weight;
  const head: Field[] = [...dims.map((dim): Field => [1, dim]), [2, onnxType.float32], [8, name]];
  if (typeof values === "string") {
    const place = message([
      [1, "location"],
      [2, values],
    ]);
    return message([...head, [13, place], [14, 1]]);
  }
  return message([...head, [9, Buffer.from(values.buffer, values.byteOffset, values.byteLength)]]);
}

function encodeIo(io: Io): Buffer {
  return message([
    [1, io.name],
    [2, encodeType(io)],
  ]);
}

function encodeType({ type, dims, kind }: Io): Buffer {
  const tensor = message([[1, type], ...(dims === null ? [] : [[2, encodeShape(dims)] as const])]);
  const plain = message([[1, tensor]]);
  if (kind === undefined) return plain;
  if (kind === "sparse") return message([[8, tensor]]);
  if (kind === "sequence") return message([[4, message([[1, plain]])]]);
  if (kind === "optional") return message([[9, message([[1, plain]])]]);
  const keyType = "mapsFrom" in kind ? kind.mapsFrom : kind.mapFrom;
  const map = message([
    [
      5,
      message([
        [1, keyType],
        [2, plain],
      ]),
    ],
  ]);
  return "mapsFrom" in kind ? message([[4, message([[1, map]])]]) : map;
}

function encodeShape(dims: readonly (number | string)[]): Buffer {
  return message(dims.map((dim): Field => [1, message([typeof dim === "string" ? [2, dim] : [1, dim]])]));
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
