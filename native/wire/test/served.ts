import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type ChannelCredentials,
  Client,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { SERVER_LIMITS } from "@infaas/runtime";
import { Wire, type WireCall, type WireLimits } from "../lib";

/** What a unary call ended with. */
export interface Outcome {
  readonly bytes: Buffer | null;
  readonly code: number;
  readonly details: string;
  readonly trailers: Metadata;
}

/** A wire with an echo, and grpc-js's own client on it. */
export interface Served {
  readonly wire: Wire;
  readonly port: number;
  readonly client: Client;
  /** For further clients of the same server. */
  readonly credentials: ChannelCredentials;
  /** Calls that `/t.T/Hold` keeps, and those of them that were cancelled. */
  readonly held: WireCall[];
  readonly cancelled: WireCall[];
  say(bytes: Buffer, metadata?: Metadata, deadlineMs?: number): Promise<Outcome>;
  close(): void;
}

const identity = (bytes: Buffer): Buffer => bytes;
const OK = 0;
/** The certificate of the suites in C++, which vouches for itself, and its key. */
const [certificate, key] = (
  readFileSync(join(__dirname, "tls_pem.h"), "utf8").match(/-----BEGIN [\s\S]*?-----END [A-Z ]+-----\n/g) ??
  []
).map((pem) => Buffer.from(pem)) as [Buffer, Buffer];
/** The name in it. */
const serverName = { "grpc.ssl_target_name_override": "localhost" };

/** How a wire is served. */
export interface Serving {
  readonly limits?: Partial<WireLimits>;
  /** Options of the client's channel. */
  readonly channel?: Record<string, number | string>;
  /** Speaks TLS, both showing the same certificate. */
  readonly tls?: boolean;
}

/** Starts one on a free port of loopback: Say echoes, Hold never answers by itself, Chat echoes message by message, Listen never says anything. */
export function serve({ limits = {}, channel = {}, tls = false }: Serving = {}): Served {
  const wire = new Wire({ ...SERVER_LIMITS, ...limits });
  if (tls) expect(wire.secure({ certificate, key, clientCa: certificate })).toBeNull();
  const held: WireCall[] = [];
  const cancelled: WireCall[] = [];
  wire.unary("/t.T/Say", (bytes, call) => call.answer(bytes, []));
  wire.unary("/t.T/Hold", (_, call) => {
    held.push(call);
    call.listener = { ...deaf, cancelled: () => cancelled.push(call) };
  });
  wire.stream("/t.T/Chat", (call) => {
    call.listener = {
      ...deaf,
      message: (bytes) => {
        if (!call.write(bytes)) call.pause();
      },
      drained: () => call.resume(),
      halfClosed: () => call.finish(OK, "", []),
      cancelled: () => cancelled.push(call),
    };
  });
  wire.stream("/t.T/Listen", (call) => {
    held.push(call);
    call.listener = { ...deaf, cancelled: () => cancelled.push(call) };
  });
  const port = wire.listen("127.0.0.1", 0) as number;
  const trusting = tls ? credentials.createSsl(certificate, key, certificate) : credentials.createInsecure();
  const client = new Client(`127.0.0.1:${port}`, trusting, {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
    "grpc.use_local_subchannel_pool": 1,
    ...(tls ? serverName : {}),
    ...channel,
  });
  return {
    wire,
    port,
    client,
    credentials: trusting,
    held,
    cancelled,
    say: (bytes, metadata, deadlineMs) => outcomeOf(client, "Say", bytes, { metadata, deadlineMs }).outcome,
    close: () => {
      client.close();
      wire.close();
    },
  };
}

/** Calls a unary method of the served wire. */
export function outcomeOf(
  client: Client,
  method: string,
  bytes: Buffer,
  o: { metadata?: Metadata | undefined; deadlineMs?: number | undefined } = {},
): { call: ClientUnaryCall; outcome: Promise<Outcome> } {
  const options = o.deadlineMs === undefined ? {} : { deadline: Date.now() + o.deadlineMs };
  const { promise, resolve } = settled<Outcome>();
  const done = (error: ServiceError | null, answer?: Buffer) =>
    resolve({
      bytes: answer ?? null,
      code: error?.code ?? OK,
      details: error?.details ?? "",
      trailers: error?.metadata ?? new Metadata(),
    });
  const metadata = o.metadata ?? new Metadata();
  const call = client.makeUnaryRequest(`/t.T/${method}`, identity, identity, bytes, metadata, options, done);
  return { call, outcome: promise };
}

/** A promise and what settles it. */
export function settled<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve = (_: T): void => {};
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Looks again and again until it is so; throws after ten seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`not so within 10 s: ${condition}`);
    await new Promise((again) => setImmediate(again));
  }
}

const deaf = { message: ignore, halfClosed: ignore, cancelled: ignore, drained: ignore };

function ignore(): void {}
