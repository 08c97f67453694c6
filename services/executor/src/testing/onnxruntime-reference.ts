import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeModel, readSignature } from "@infaas/onnx";
import { Code, ServiceError } from "@infaas/runtime";
import type { Engine, EngineAnswer, EnginePort, EngineQuery, EngineTensor } from "../engines/engine-port";

/** Names that onnxruntime's JavaScript binding gives to datatypes. */
const BINDING_TYPES: Readonly<Record<string, string>> = { FP32: "float32", INT32: "int32", INT64: "int64" };

interface Reply {
  readonly id: number;
  readonly fault?: string;
  readonly outputs: readonly { readonly bytes: Uint8Array; readonly dims: readonly number[] }[];
  readonly runMs: number;
}

/** onnxruntime through its own JavaScript binding, one run per query: the reference for other engines. */
export const referenceEngines: EnginePort = {
  async open({ path, threads, maxBatch }) {
    const script = join(__dirname, "reference-process.cjs");
    const child = fork(script, [path, String(threads)], { serialization: "advanced", execArgv: [] });
    return new ReferenceEngine(child, path, maxBatch);
  },
};

class ReferenceEngine implements Engine {
  readonly inputs: readonly EngineTensor[];
  readonly outputs: readonly EngineTensor[];
  readonly optionalInputs = [];
  readonly batchable = true;
  readonly unbatchedReason = null;
  readonly queuedRows = 0;
  readonly runningRows = 0;
  private readonly waiting = new Map<number, (reply: Reply) => void>();
  private sent = 0;

  constructor(
    private readonly child: ChildProcess,
    path: string,
    readonly maxBatch: number,
  ) {
    const { inputs, outputs } = readSignature(decodeModel(readFileSync(path)));
    this.inputs = inputs.map(({ name, datatype, shape }) => ({ name, datatype, dims: shape }));
    this.outputs = outputs.map(({ name, datatype, shape }) => ({ name, datatype, dims: shape }));
    child.on("message", (reply: Reply) => {
      this.waiting.get(reply.id)?.(reply);
      this.waiting.delete(reply.id);
    });
  }

  async submit(inputs: readonly Uint8Array[], { rows, dims }: EngineQuery): Promise<EngineAnswer> {
    this.sent += 1;
    const id = this.sent;
    const feeds = this.inputs.map(({ name, datatype }, index) => {
      return { name, type: BINDING_TYPES[datatype], bytes: inputs[index], dims: dims[index] };
    });
    const reply = await new Promise<Reply>((resolve) => {
      this.waiting.set(id, resolve);
      this.child.send({ id, feeds });
    });
    if (reply.fault !== undefined) throw new ServiceError(Code.INTERNAL, reply.fault);
    return {
      outputs: reply.outputs.map(({ bytes }) => bytes),
      outputDims: reply.outputs.map((output) => output.dims),
      batchSize: rows,
      queueMs: 0,
      gatherMs: 0,
      runMs: reply.runMs,
      scatterMs: 0,
      release: () => undefined,
    };
  }

  drainTimeMs(): number {
    return 0;
  }

  async drain(): Promise<void> {}

  async close(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await exited;
  }
}
