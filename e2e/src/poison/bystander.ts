import { Agent, request } from "node:http";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { GRPCInferenceService, ModelInferRequestSchema } from "@infaas/api";
import { createInfaasClient } from "@infaas/client";
import { addressOf, createRpcClient, ServiceError, sleep, systemClock } from "@infaas/runtime";

/** Name of the model that bystanders ask: it answers with its input, so every bit can be checked. */
export const bystanderModel = "bystander";
/** Names of its input and its output. */
export const [bystanderInput, bystanderOutput] = ["FP32", "FP32_echo"] as const;
/** Kinds of callers: how they send, and how much. */
export const bystanderKinds = ["small gRPC", "large gRPC", "stream", "small HTTP", "large HTTP"] as const;
export type BystanderKind = (typeof bystanderKinds)[number];

const smallFloats = 16;
const largeFloats = 262_144;
/** Longest wait of a bystander; who is not answered by then has failed. */
const timeoutMs = 20_000;
const failuresKept = 5;

/** Where a system is asked, host:port. */
export interface Addresses {
  readonly address: string;
  readonly httpAddress: string;
}

/** What a caller of one kind saw in one window. */
export interface Seen {
  readonly kind: BystanderKind;
  readonly answered: number;
  readonly failed: number;
  /** Answers that differ from what was sent. */
  readonly wrong: number;
  /** Messages of the first few that failed. */
  readonly failures: readonly string[];
  readonly latenciesMs: readonly number[];
}

/** One caller: sends `values` and resolves with what came back. */
interface Caller {
  readonly floats: number;
  ask(values: Float32Array): Promise<Uint8Array>;
  close(): void;
}

/** A caller that sends one query after the other while it is asked to. */
export class Bystander {
  private readonly caller: Caller;
  private readonly template: Float32Array;
  private isOver = false;
  /** Who waits for so many more queries to end. */
  private awaited: { queries: number; done(): void } | null = null;

  constructor(
    private readonly kind: BystanderKind,
    at: Addresses,
    /** Time between an answer and the next query, milliseconds. */
    private readonly pauseMs: number,
  ) {
    this.caller = openCaller(kind, at);
    const { floats } = this.caller;
    this.template = Float32Array.from({ length: floats }, (_, i) => i / floats);
  }

  /** Sends queries until `end`; resolves once the last is answered. */
  async watch(): Promise<Seen> {
    const latenciesMs: number[] = [];
    const failures: string[] = [];
    let [failed, wrong] = [0, 0];
    this.isOver = false;
    for (let i = 0; !this.isOver; i++) {
      const values = this.template.slice();
      values[i % values.length] = i;
      const sentAt = performance.now();
      try {
        const answer = await this.caller.ask(values);
        latenciesMs.push(performance.now() - sentAt);
        if (Buffer.compare(answer, new Uint8Array(values.buffer)) !== 0) wrong++;
      } catch (fault) {
        failed++;
        if (failures.length < failuresKept) failures.push(ServiceError.from(fault).message);
      }
      if (this.awaited !== null && --this.awaited.queries === 0) this.awaited.done();
      if (this.pauseMs > 0) await sleep(systemClock, this.pauseMs);
    }
    return { kind: this.kind, answered: latenciesMs.length, failed, wrong, failures, latenciesMs };
  }

  end(): void {
    this.isOver = true;
  }

  /** Resolves once so many more queries have ended. */
  more(queries: number): Promise<void> {
    return new Promise((done) => {
      this.awaited = { queries, done };
    });
  }

  close(): void {
    this.end();
    this.caller.close();
  }
}

function openCaller(kind: BystanderKind, at: Addresses): Caller {
  switch (kind) {
    case "small gRPC":
      return overGrpc(at, smallFloats);
    case "large gRPC":
      return overGrpc(at, largeFloats);
    case "stream":
      return overStream(at, smallFloats);
    case "small HTTP":
      return overHttp(at, smallFloats, askJson);
    case "large HTTP":
      return overHttp(at, largeFloats, askBinary);
  }
}

function overGrpc({ address }: Addresses, floats: number): Caller {
  const client = createInfaasClient(address);
  return {
    floats,
    ask: async (values) => {
      const { outputs } = await client.query(bystanderModel, [tensorOf(values)], {}, { timeoutMs });
      return outputs[0]?.bytes ?? new Uint8Array(0);
    },
    close: () => client.close(),
  };
}

/** Queries one after the other on one stream. */
function overStream({ address }: Addresses, floats: number): Caller {
  const client = createRpcClient(GRPCInferenceService, address);
  const ending = new AbortController();
  const requests = new Handover<MessageInitShape<typeof ModelInferRequestSchema>>();
  const answers = client.modelStreamInfer(requests, { signal: ending.signal })[Symbol.asyncIterator]();
  return {
    floats,
    ask: async (values) => {
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
    },
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

/** Sends a body with its headers; resolves with the answer's. */
type Post = (body: string | Buffer, headers: Readonly<Record<string, string>>) => Promise<Buffer>;

function overHttp(
  { httpAddress }: Addresses,
  floats: number,
  ask: (post: Post, values: Float32Array) => Promise<Uint8Array>,
): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const post: Post = (body, headers) =>
    new Promise((done, failed) => {
      const path = `/v2/models/${bystanderModel}/infer`;
      const sent = request({ ...addressOf(httpAddress), path, method: "POST", agent, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", failed);
        answer.on("end", () => {
          const bytes = Buffer.concat(chunks);
          if (answer.statusCode === 200) done(bytes);
          else failed(new Error(`HTTP ${answer.statusCode}: ${bytes.toString()}`));
        });
      });
      const timer = setTimeout(() => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      sent.on("close", () => clearTimeout(timer));
      sent.on("error", failed);
      sent.end(body);
    });
  return { floats, ask: (values) => ask(post, values), close: () => agent.destroy() };
}

async function askJson(post: Post, values: Float32Array): Promise<Uint8Array> {
  const inputs = [{ name: bystanderInput, datatype: "FP32", shape: [1, values.length], data: [...values] }];
  const { outputs } = JSON.parse((await post(JSON.stringify({ inputs }), {})).toString());
  return new Uint8Array(Float32Array.from(outputs[0].data).buffer);
}

async function askBinary(post: Post, values: Float32Array): Promise<Uint8Array> {
  const { bytes, shape } = tensorOf(values);
  const parameters = { binary_data_size: bytes.length };
  const head = JSON.stringify({
    inputs: [{ name: bystanderInput, datatype: "FP32", shape, parameters }],
    outputs: [{ name: bystanderOutput, parameters: { binary_data: true } }],
  });
  const body = Buffer.concat([Buffer.from(head), bytes]);
  const answer = await post(body, { "inference-header-content-length": String(head.length) });
  return answer.subarray(answer.length - bytes.length);
}

function tensorOf(values: Float32Array) {
  return {
    name: bystanderInput,
    datatype: "FP32",
    shape: [1, values.length],
    bytes: new Uint8Array(values.buffer),
  };
}
