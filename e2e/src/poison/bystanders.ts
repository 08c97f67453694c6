import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { GRPCInferenceService, ModelInferRequestSchema } from "@infaas/api";
import { createRpcClient, ServiceError } from "@infaas/runtime";
import type { Cluster } from "../cluster";
import { echoModel } from "../onnx-file";

/** Name of the model that bystanders ask: it answers with its input, so every bit can be checked. */
export const bystanderModel = "bystander";
/** A model for `bystanderModel`: input `FP32`, output `FP32_echo`, both of any two axes. */
export const bystanderFile = echoModel(["FP32"], []);

const [input, output] = ["FP32", "FP32_echo"];
const smallFloats = 16;
const largeFloats = 262_144;
/** Longest wait of a bystander; who is not answered by then has failed. */
const timeoutMs = 20_000;
const failuresKept = 5;

/** What callers of one kind saw in one window. */
export interface Seen {
  readonly kind: string;
  readonly answered: number;
  readonly failed: number;
  /** Answers that differ from what was sent. */
  readonly wrong: number;
  /** Messages of the first few that failed. */
  readonly failures: readonly string[];
  readonly latenciesMs: readonly number[];
}

/** One caller: sends `values` and resolves with what came back. */
type Ask = (values: Float32Array) => Promise<Uint8Array>;

interface Caller {
  readonly kind: string;
  readonly floats: number;
  readonly ask: Ask;
  close(): void;
}

/**
 * Runs one caller of each kind (small and large, gRPC, HTTP and stream) one query after the other while `act`
 * is under way, each until its last query is answered; resolves with what they saw and how `act` ended.
 */
export async function watchBystanders<T>(
  cluster: Cluster,
  act: () => Promise<T>,
): Promise<{ seen: readonly Seen[]; result: T }> {
  const callers = openCallers(cluster);
  const ending = { asked: false };
  const watched = callers.map((caller) => watch(caller, () => ending.asked));
  try {
    const result = await act();
    ending.asked = true;
    return { seen: await Promise.all(watched), result };
  } finally {
    ending.asked = true;
    await Promise.allSettled(watched);
    for (const caller of callers) caller.close();
  }
}

/** Latency that `share` of the answers stay within, ms; the share from 0 to 1. */
export function percentileMs({ latenciesMs }: Pick<Seen, "latenciesMs">, share: number): number {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

async function watch({ kind, floats, ask }: Caller, isOver: () => boolean): Promise<Seen> {
  const latenciesMs: number[] = [];
  const failures: string[] = [];
  // Made once: what callers of one process compute holds up each other's.
  const template = Float32Array.from({ length: floats }, (_, at) => at / floats);
  let [failed, wrong] = [0, 0];
  for (let i = 0; !isOver(); i++) {
    const values = template.slice();
    values[i % floats] = i;
    const sentAt = performance.now();
    try {
      const answer = await ask(values);
      latenciesMs.push(performance.now() - sentAt);
      if (Buffer.compare(answer, new Uint8Array(values.buffer)) !== 0) wrong++;
    } catch (fault) {
      failed++;
      if (failures.length < failuresKept) failures.push(`${kind}: ${ServiceError.from(fault).message}`);
    }
  }
  return { kind, answered: latenciesMs.length, failed, wrong, failures, latenciesMs };
}

function openCallers(cluster: Cluster): readonly Caller[] {
  return [
    overGrpc(cluster, "small gRPC", smallFloats),
    overGrpc(cluster, "large gRPC", largeFloats),
    overStream(cluster, "stream", smallFloats),
    { kind: "small HTTP", floats: smallFloats, ask: askJson(cluster), close: () => {} },
    { kind: "large HTTP", floats: largeFloats, ask: askBinary(cluster), close: () => {} },
  ];
}

function overGrpc({ client }: Cluster, kind: string, floats: number): Caller {
  const ask: Ask = async (values) => {
    const { outputs } = await client.query(bystanderModel, [tensorOf(values)], {}, { timeoutMs });
    return outputs[0]?.bytes ?? new Uint8Array(0);
  };
  return { kind, floats, ask, close: () => {} };
}

/** Queries one after the other on one stream. */
function overStream({ address }: Cluster, kind: string, floats: number): Caller {
  const client = createRpcClient(GRPCInferenceService, address);
  const ending = new AbortController();
  const requests = new Handover<MessageInitShape<typeof ModelInferRequestSchema>>();
  const answers = client.modelStreamInfer(requests, { signal: ending.signal })[Symbol.asyncIterator]();
  const ask: Ask = async (values) => {
    const { bytes, shape, ...named } = tensorOf(values);
    requests.put(
      create(ModelInferRequestSchema, {
        modelName: bystanderModel,
        inputs: [{ ...named, shape: shape.map(BigInt) }],
        rawInputContents: [bytes],
      }),
    );
    const { value, done } = await answers.next();
    if (done === true) throw new Error("the stream ended");
    if (value.errorMessage !== "") throw new Error(value.errorMessage);
    return value.inferResponse?.rawOutputContents[0] ?? new Uint8Array(0);
  };
  return {
    kind,
    floats,
    ask,
    close: () => {
      ending.abort();
      client.close();
    },
  };
}

/** An endless sequence that one side puts into and the other takes from. */
class Handover<T> implements AsyncIterable<T> {
  private readonly waiting: T[] = [];
  private wake = () => {};

  put(value: T): void {
    this.waiting.push(value);
    this.wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const value = this.waiting.shift();
      if (value !== undefined) yield value;
      else
        await new Promise<void>((next) => {
          this.wake = next;
        });
    }
  }
}

function askJson(cluster: Cluster): Ask {
  return async (values) => {
    const inputs = [{ name: input, datatype: "FP32", shape: [1, values.length], data: [...values] }];
    const response = await post(cluster, JSON.stringify({ inputs }), {});
    const { outputs } = JSON.parse(response.toString());
    return new Uint8Array(Float32Array.from(outputs[0].data).buffer);
  };
}

function askBinary(cluster: Cluster): Ask {
  return async (values) => {
    const { bytes, shape } = tensorOf(values);
    const parameters = { binary_data_size: bytes.length };
    const head = JSON.stringify({
      inputs: [{ name: input, datatype: "FP32", shape, parameters }],
      outputs: [{ name: output, parameters: { binary_data: true } }],
    });
    const body = Buffer.concat([Buffer.from(head), bytes]);
    const answer = await post(cluster, body, { "inference-header-content-length": String(head.length) });
    return answer.subarray(answer.length - bytes.length);
  };
}

async function post(cluster: Cluster, body: string | Buffer, headers: Record<string, string>) {
  const url = `http://${cluster.httpAddress}/v2/models/${bystanderModel}/infer`;
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, { method: "POST", body, headers, signal });
  const bytes = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${bytes.toString()}`);
  return bytes;
}

function tensorOf(values: Float32Array) {
  return {
    name: input,
    datatype: "FP32",
    shape: [1, values.length],
    bytes: new Uint8Array(values.buffer),
  };
}
