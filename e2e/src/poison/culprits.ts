import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { addressOf, type Code, ServiceError } from "@infaas/runtime";
import type { Cluster } from "../cluster";
import { plainCall } from "../fuzz/call-shape";
import { inferPath } from "../fuzz/good-calls";
import { frame, frameType, preface, settingsFrame } from "../fuzz/http2-frames";
import { elementTypes, onnxFile, tensor } from "../onnx-file";

/** Longest wait for how a culprit's query ends. */
const timeoutMs = 20_000;

/** What tells a query's end: a canonical code with its message, or null where it was answered. */
export type End = { readonly code: Code; readonly message: string } | null;

const { FP32, INT64, BOOL } = elementTypes;
const smallest = -(2n ** 63n);

/** Models that one query can turn against the process it runs in, by name. */
export const culpritFiles: Readonly<Record<string, Uint8Array>> = {
  division: onnxFile({
    name: "division",
    node: [{ opType: "Div", input: ["a", "b"], output: ["y"] }],
    input: [tensor("a", INT64, ["n"]), tensor("b", INT64, ["n"])],
    output: [tensor("y", INT64, ["n"])],
  }),
  steps: onnxFile({
    name: "steps",
    node: [
      {
        opType: "Loop",
        input: ["n", "go", "x"],
        output: ["y"],
        attribute: [{ name: "body", type: 5, g: stepsBody() }],
      },
    ],
    initializer: [
      { name: "k", dataType: FP32, dims: [1n], floatData: [1] },
      { name: "go", dataType: BOOL, dims: [], int32Data: [1] },
    ],
    input: [tensor("n", INT64, []), tensor("x", FP32, [1])],
    output: [tensor("y", FP32, [1])],
  }),
  grow: onnxFile({
    name: "grow",
    node: [{ opType: "Expand", input: ["x", "s"], output: ["y"] }],
    input: [tensor("x", FP32, [1, 1]), tensor("s", INT64, [2])],
    output: [tensor("y", FP32, ["a", "b"])],
  }),
  // The sum over each element with each other one, as attention has it.
  pairs: onnxFile({
    name: "pairs",
    node: [
      { opType: "Transpose", input: ["x"], output: ["t"] },
      { opType: "MatMul", input: ["t", "x"], output: ["p"] },
      {
        opType: "ReduceSum",
        input: ["p"],
        output: ["y"],
        attribute: [{ name: "keepdims", type: 2, i: 1n }],
      },
    ],
    input: [tensor("x", FP32, [1, "length"])],
    output: [tensor("y", FP32, [1, 1])],
  }),
};

function stepsBody() {
  return {
    name: "body",
    node: [
      { opType: "Add", input: ["a", "k"], output: ["b"] },
      { opType: "Identity", input: ["c"], output: ["d"] },
    ],
    input: [tensor("i", INT64, []), tensor("c", BOOL, []), tensor("a", FP32, [1])],
    output: [tensor("d", BOOL, []), tensor("b", FP32, [1])],
  };
}

/** Writes the culprits' models into `folder` and registers them. */
export async function registerCulprits(cluster: Cluster, folder: string): Promise<void> {
  for (const [name, bytes] of Object.entries(culpritFiles)) {
    const path = join(folder, `${name}.onnx`);
    await writeFile(path, bytes);
    await cluster.client.register({ path, name });
  }
}

/** Divides: the smallest number by -1 is a trap of the processor inside the engine. */
export function divide(cluster: Cluster, a = smallest, b = -1n): Promise<End> {
  return endOf(cluster, "division", [int64("a", [1], a), int64("b", [1], b)]);
}

/** Asks for `steps` turns of a loop, with a deadline. */
export function loop(cluster: Cluster, steps: bigint, deadlineMs: number): Promise<End> {
  return endOf(cluster, "steps", [int64("n", [], steps), float32("x", [1])], deadlineMs);
}

/** Asks 20 bytes of input to become `rows` x `columns` x 4 bytes of output. */
export function grow(cluster: Cluster, rows: number, columns: number): Promise<End> {
  return endOf(cluster, "grow", [float32("x", [1, 1]), int64("s", [2], BigInt(rows), BigInt(columns))]);
}

/** Asks for the sum over all pairs of `length` elements. */
export function pair(cluster: Cluster, length: number): Promise<End> {
  return endOf(cluster, "pairs", [float32("x", [1, length])]);
}

/**
 * Opens a connection and as many calls that announce a message of `bytes` each and send one of them; resolves
 * with what closes it.
 */
export function announce(cluster: Cluster, calls: number, bytes: number): Promise<() => void> {
  const socket = connect({ ...addressOf(cluster.address), noDelay: true });
  socket.on("error", () => undefined);
  socket.resume();
  const prefix = Buffer.alloc(6);
  prefix.writeUInt32BE(bytes, 1);
  const frames = Array.from({ length: calls }, (_, i) => {
    const stream = 2 * i + 1;
    return [...plainCall(inferPath, prefix).open(stream), frame(frameType.data, 0, stream, prefix)];
  });
  return new Promise((done) => {
    socket.write(Buffer.concat([preface, settingsFrame({}), ...frames.flat()]), () =>
      done(() => socket.destroy()),
    );
  });
}

function endOf(
  { client }: Cluster,
  model: string,
  inputs: Parameters<Cluster["client"]["query"]>[1],
  deadlineMs = timeoutMs,
): Promise<End> {
  return client.query(model, inputs, {}, { timeoutMs: deadlineMs }).then(
    () => null,
    (fault) => {
      const { code, message } = ServiceError.from(fault);
      return { code, message };
    },
  );
}

function int64(name: string, shape: readonly number[], ...values: readonly bigint[]) {
  return { name, datatype: "INT64", shape, bytes: new Uint8Array(BigInt64Array.from(values).buffer) };
}

function float32(name: string, shape: readonly number[]) {
  const count = shape.reduce((product, size) => product * size, 1);
  return { name, datatype: "FP32", shape, bytes: new Uint8Array(new Float32Array(count).fill(1).buffer) };
}
