import { type Batcher, openBatcher } from "../lib";
import { type Graph, type Io, onnxType, writeModel } from "./onnx-model";

/** What a test file calls to open graphs; they are closed after each of its tests. */
export function graphOpener() {
  const opened: Batcher[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((batcher) => batcher.close()));
  });
  return async (graph: Graph, options: Partial<Parameters<typeof openBatcher>[0]> = {}) => {
    const base = { instances: 1, intraOpThreads: 1, maxBatch: 8 };
    const batcher = await openBatcher({ path: writeModel(graph), ...base, ...options });
    opened.push(batcher);
    return batcher;
  };
}

/** One operator between inputs and outputs of the same names. */
export function single(op: string, inputs: readonly Io[], outputs: readonly Io[], more: object = {}): Graph {
  const node = { op, inputs: inputs.map(({ name }) => name), outputs: outputs.map(({ name }) => name) };
  return { inputs, outputs, nodes: [{ ...node, ...more }] };
}

/** An input that comes out as it is; `declared`: what the file says of the output. */
export function identity(type: number, dims: Io["dims"], declared: Io["dims"] = dims): Graph {
  return single("Identity", [{ name: "x", type, dims }], [{ name: "y", type, dims: declared }]);
}

export const float32 = onnxType.float32;
