import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  Client,
  type ClientReadableStream,
  type ClientWritableStream,
  type CallOptions as GrpcCallOptions,
  Metadata,
} from "@grpc/grpc-js";
import { Code, ServiceError } from "../../errors";
import { type DialSecurity, dialPlain } from "../../security/dial-security";
import { asBuffer, fromGrpcError, identity } from "../grpc-js/messages";
import { SERVER_LIMITS } from "../server-limits";
import { methodPath, streamsRequest, streamsResponse } from "../service";

export interface CallOptions {
  /** Becomes the gRPC deadline. */
  timeoutMs?: number;
  /** Cancels the call. */
  signal?: AbortSignal;
  metadata?: Record<string, string>;
}

type Shape<D> = D extends DescMessage ? MessageShape<D> : never;
type Init<D> = D extends DescMessage ? MessageInitShape<D> : never;

/** The function that calls one method. Failures are ServiceError, with their details decoded. */
export type CallOf<M> = M extends { methodKind: infer K; input: infer I; output: infer O }
  ? K extends "unary"
    ? (request: Init<I>, options?: CallOptions) => Promise<Shape<O>>
    : K extends "server_streaming"
      ? (request: Init<I>, options?: CallOptions) => AsyncIterable<Shape<O>>
      : K extends "client_streaming"
        ? (requests: AsyncIterable<Init<I>>, options?: CallOptions) => Promise<Shape<O>>
        : (requests: AsyncIterable<Init<I>>, options?: CallOptions) => AsyncIterable<Shape<O>>
  : never;

/** One function per method of a service, by its camelCase name. */
export type ClientOf<S extends DescService> = { [K in keyof S["method"]]: CallOf<S["method"][K]> };

export interface RpcClientOptions {
  readonly maxMessageBytes?: number;
  /** For calls that name no timeout; streams that answer many messages have none unless they say so. */
  readonly defaultTimeoutMs?: number;
  /** Default: in the clear, without a token. */
  readonly dial?: DialSecurity;
}

/**
 * Returns a client of `service` at `host:port`. It connects at its first call and again whenever it has to.
 */
export function createRpcClient<S extends DescService>(
  service: S,
  address: string,
  o: RpcClientOptions = {},
): ClientOf<S> & { close(): void } {
  const maxMessageBytes = o.maxMessageBytes ?? SERVER_LIMITS.messageMaxBytes;
  const dial = o.dial ?? dialPlain;
  const client = new Client(address, dial.credentials, {
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc-node.flow_control_window": SERVER_LIMITS.receiveWindowBytes,
    "grpc.enable_channelz": 0,
  });
  const calls: Record<string, unknown> = { close: () => client.close() };
  for (const method of service.methods)
    calls[method.localName] = callOf({ client, dial, maxMessageBytes }, method, o.defaultTimeoutMs);
  return calls as ClientOf<S> & { close(): void };
}

/** Returns metadata from plain values, with the token of the process unless they bring their own. */
export function metadataFrom(
  values: Readonly<Record<string, string>> | undefined,
  dial: DialSecurity,
): Metadata {
  const metadata = new Metadata();
  const authorization = dial.authorization();
  if (authorization !== null) metadata.set("authorization", authorization);
  for (const [key, value] of Object.entries(values ?? {})) metadata.set(key, value);
  return metadata;
}

type Requests = MessageShape<DescMessage> | AsyncIterable<MessageShape<DescMessage>>;

interface Connection {
  readonly client: Client;
  readonly dial: DialSecurity;
  readonly maxMessageBytes: number;
}

function callOf(
  { client, dial, maxMessageBytes }: Connection,
  method: DescMethod,
  defaultTimeoutMs: number | undefined,
) {
  const many = streamsResponse(method);
  return (requests: Requests, options: CallOptions = {}) => {
    const timeoutMs = options.timeoutMs ?? (many ? undefined : defaultTimeoutMs);
    const wired: GrpcCallOptions = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
    const call = {
      client,
      maxMessageBytes,
      method,
      requests,
      metadata: metadataFrom(options.metadata, dial),
      wired,
      signal: options.signal,
    };
    return many ? callMany(call) : callOne(call);
  };
}

interface Call {
  readonly client: Client;
  readonly maxMessageBytes: number;
  readonly method: DescMethod;
  readonly requests: Requests;
  readonly metadata: Metadata;
  readonly wired: GrpcCallOptions;
  readonly signal: AbortSignal | undefined;
}

/** @throws ServiceError RESOURCE_EXHAUSTED for a message that the other side would not take. */
function encode({ method, maxMessageBytes }: Call, request: unknown): Buffer {
  const bytes = toBinary(method.input, create(method.input, request as MessageShape<DescMessage>));
  if (bytes.length <= maxMessageBytes) return asBuffer(bytes);
  const both = `${bytes.length} bytes, a message may have ${maxMessageBytes}`;
  throw new ServiceError(Code.RESOURCE_EXHAUSTED, `the request of ${method.name} has ${both}`);
}

/** How grpc-js says that an answer is too large, on either side. */
const ANSWER_TOO_LARGE = /^(?:Received|Sent) message larger than max \((\d+) vs\.? (\d+)\)/;

function failureOf({ method }: Call, thrown: unknown): ServiceError {
  const failure = fromGrpcError(thrown);
  const [, bytes, max] = ANSWER_TOO_LARGE.exec(failure.message) ?? [];
  if (bytes === undefined) return failure;
  const sentence = `the answer of ${method.name} has ${bytes} bytes, a message may have ${max}`;
  return new ServiceError(Code.RESOURCE_EXHAUSTED, sentence, { cause: failure });
}

function callOne(c: Call): Promise<unknown> {
  const path = methodPath(c.method);
  return new Promise<Buffer>((resolve, reject) => {
    let unlink = (): void => {};
    let sendFault: ServiceError | null = null;
    const settle = (e: unknown, bytes?: Buffer): void => {
      unlink();
      if (e === null && bytes !== undefined) resolve(bytes);
      else reject(sendFault ?? failureOf(c, e));
    };
    if (!streamsRequest(c.method)) {
      const bytes = encode(c, c.requests);
      const call = c.client.makeUnaryRequest(path, identity, identity, bytes, c.metadata, c.wired, settle);
      unlink = linkSignal(c.signal, () => call.cancel());
      return;
    }
    const call = c.client.makeClientStreamRequest(path, identity, identity, c.metadata, c.wired, settle);
    call.on("error", ignore);
    unlink = linkSignal(c.signal, () => call.cancel());
    sendAll(c, call).catch((e: unknown) => {
      sendFault = ServiceError.from(e);
      call.cancel();
    });
  }).then((bytes) => fromBinary(c.method.output, bytes));
}

async function* callMany(c: Call): AsyncGenerator<unknown> {
  const path = methodPath(c.method);
  let sendFault: ServiceError | null = null;
  let call: ClientReadableStream<Buffer>;
  if (streamsRequest(c.method)) {
    const duplex = c.client.makeBidiStreamRequest(path, identity, identity, c.metadata, c.wired);
    sendAll(c, duplex).catch((e: unknown) => {
      sendFault = ServiceError.from(e);
      duplex.cancel();
    });
    call = duplex;
  } else {
    const bytes = encode(c, c.requests);
    call = c.client.makeServerStreamRequest(path, identity, identity, bytes, c.metadata, c.wired);
  }
  // The reader has left: a later status is dropped.
  call.on("error", ignore);
  const unlink = linkSignal(c.signal, () => call.cancel());
  try {
    for await (const bytes of call) yield fromBinary(c.method.output, bytes as Buffer);
  } catch (e) {
    throw sendFault ?? failureOf(c, e);
  } finally {
    unlink();
    call.cancel();
  }
}

/**
 * Sends every request and half-closes; waits whenever the transport asks to. Stops when the call has ended.
 */
async function sendAll(c: Call, call: ClientWritableStream<Buffer>): Promise<void> {
  let ended = false;
  let wake = (): void => {};
  call.on("status", () => {
    ended = true;
    wake();
  });
  call.on("drain", () => wake());
  for await (const request of c.requests as AsyncIterable<unknown>) {
    if (ended) return;
    const drained = new Promise<void>((resolve) => {
      wake = resolve;
    });
    if (!call.write(encode(c, request)) && !ended) await drained;
  }
  call.end();
}

function linkSignal(signal: AbortSignal | undefined, cancel: () => void): () => void {
  if (signal?.aborted) cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  return () => signal?.removeEventListener("abort", cancel);
}

function ignore(): void {}
