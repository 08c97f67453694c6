import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type GraphProto, ModelProtoSchema, TensorShapeProto_DimensionSchema } from "@infaas/api";
import type { Random } from "@infaas/runtime";
import { below, mutateMessage, pick, randomBytes } from "../wire-mutator";
import type { ExternalFile, OnnxPackage } from "./sound-packages";

const names = ["w.bin", "./w.bin", "../w.bin", "/etc/passwd", "w.bin/x", "a/w.bin", "w.bin\0", "W.BIN", ""];
/** Sizes and attributes that have broken engines: beyond memory, negative, one beside a power of two. */
const hurtfulIntegers = [-1n, 0n, 1n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 62n, -(2n ** 63n)];

/** A sound package with faults: in its bytes, in the meaning of its graph, in the files beside it. */
export function mutatePackage({ model, externalData }: OnnxPackage, random: Random): OnnxPackage {
  const chance = random.next();
  const mutated = chance < 0.5 ? mutateMessage(model, random) : mutateGraph(model, random);
  return { model: mutated, externalData: externalData.map((file) => mutateFile(file, random)) };
}

/** A file that decodes, with a graph that may mean nothing. */
function mutateGraph(bytes: Buffer, random: Random): Buffer {
  const model = fromBinary(ModelProtoSchema, bytes);
  const { graph } = model;
  if (graph === undefined || graph.node.length === 0) return mutateMessage(bytes, random);
  for (let count = 1 + below(random, 3); count > 0; count--) pick(graphChanges, random)(graph, random);
  return Buffer.from(toBinary(ModelProtoSchema, model));
}

type GraphChange = (graph: GraphProto, random: Random) => void;

/** Operators that take shapes and counts from values, or run bodies. */
const operators =
  "Reshape Expand Tile Range Loop If Scan Concat Gather Pad Resize Einsum TopK Div NonZero".split(" ");

const graphChanges: readonly GraphChange[] = [
  ({ node }, random) => {
    pick(node, random).opType = pick(operators, random);
  },
  ({ node }, random) =>
    void node.splice(below(random, node.length), 0, ...node.splice(below(random, node.length), 1)),
  ({ node }, random) => void node.push(pick(node, random)),
  ({ node }, random) => void pick(node, random).input.push(pick(node, random).output[0] ?? ""),
  ({ node }, random) => {
    const { input } = pick(node, random);
    if (input.length > 0) input[below(random, input.length)] = pick(["", "no-such", ...input], random);
  },
  ({ node, input }, random) => {
    const [name = ""] = pick(node, random).output;
    if (input[0] !== undefined) input[0].name = name;
  },
  ({ initializer }, random) => {
    if (initializer.length === 0) return;
    const { dims } = pick(initializer, random);
    dims[below(random, dims.length + 1)] = pick(hurtfulIntegers, random);
  },
  ({ initializer }, random) => {
    if (initializer.length > 0) pick(initializer, random).dataType = below(random, 24);
  },
  ({ initializer }, random) => {
    if (initializer.length > 0) pick(initializer, random).rawData = randomBytes(random, below(random, 64));
  },
  ({ initializer }, random) => {
    for (const { externalData } of initializer)
      for (const entry of externalData)
        if (random.next() < 0.5)
          entry.value =
            entry.key === "location" ? pick(names, random) : String(pick(hurtfulIntegers, random));
  },
  ({ input }, random) => {
    const shape = input[0]?.type?.tensorType?.shape;
    if (shape !== undefined)
      shape.dim.splice(
        below(random, shape.dim.length + 1),
        1,
        create(TensorShapeProto_DimensionSchema, {
          value: { case: "dimValue", value: pick(hurtfulIntegers, random) },
        }),
      );
  },
];

function mutateFile(file: ExternalFile, random: Random): ExternalFile {
  const chance = random.next();
  if (chance < 0.3) return { ...file, bytes: file.bytes.subarray(0, 1 + below(random, file.bytes.length)) };
  return chance < 0.4 ? { ...file, name: pick(names, random) } : file;
}
