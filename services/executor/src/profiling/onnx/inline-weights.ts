import { type FileHandle, open, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { clone } from "@bufbuild/protobuf";
import { type GraphProto, GraphProtoSchema, type TensorProto } from "@infaas/api";
import type { OnnxModel } from "@infaas/onnx";
import { Code, ServiceError } from "@infaas/runtime";

/** TensorProto's `data_location`: the values are in another file. */
const EXTERNAL = 1;

/** Bytes of a model: of its own file and of those beside it that hold weights. */
export async function modelBytes(
  path: string,
  beside: readonly { readonly name: string }[],
): Promise<number> {
  const paths = [path, ...beside.map(({ name }) => join(dirname(path), name))];
  const sizes = await Promise.all(paths.map(async (one) => (await stat(one)).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/**
 * A copy of a model with all weights in itself. `folder`: where the files lie that it takes weights from; their names were
 * checked before.
 * @throws ServiceError INVALID_ARGUMENT for a place that is not in its file.
 */
export async function inlineWeights(model: OnnxModel, folder: string): Promise<OnnxModel> {
  const graph = clone(GraphProtoSchema, model.graph);
  const files = new Map<string, FileHandle>();
  try {
    for (const tensor of externalTensors(graph)) await inline(tensor, folder, files);
  } finally {
    for (const file of files.values()) await file.close();
  }
  return { ...model, graph };
}

async function inline(tensor: TensorProto, folder: string, files: Map<string, FileHandle>): Promise<void> {
  const place = new Map(tensor.externalData.map(({ key, value }) => [key, value ?? ""]));
  const name = place.get("location") ?? "";
  const file = files.get(name) ?? (await open(join(folder, name)));
  files.set(name, file);
  const offset = Number(place.get("offset") ?? 0);
  const length = Number(place.get("length") ?? (await file.stat()).size - offset);
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  if (bytesRead !== length) {
    const message = `weights ${tensor.name} are ${length} bytes at ${offset} of ${name}, which has ${bytesRead} there`;
    throw new ServiceError(Code.INVALID_ARGUMENT, message);
  }
  tensor.rawData = bytes;
  tensor.externalData = [];
  tensor.dataLocation = 0;
}

/** Of a graph and the graphs within it. */
function* externalTensors(graph: GraphProto): Generator<TensorProto> {
  for (const tensor of graph.initializer) if (isExternal(tensor)) yield tensor;
  for (const { t, g, graphs } of graph.node.flatMap(({ attribute }) => attribute)) {
    if (t !== undefined && isExternal(t)) yield t;
    for (const inner of g === undefined ? graphs : [g, ...graphs]) yield* externalTensors(inner);
  }
}

function isExternal({ dataLocation }: TensorProto): boolean {
  return dataLocation === EXTERNAL;
}
