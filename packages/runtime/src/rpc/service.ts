import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, ServiceError } from "../errors";
import { decodeMessage } from "./decode-message";
import type { CallFacts } from "./raw";

/** What a handler may know about its call beside the request. */
export interface CallContext extends CallFacts {
  /** Aborts when the caller gives up or its deadline passes. */
  readonly signal: AbortSignal;
  /** Time that was left at arrival, in milliseconds; null = no deadline. */
  readonly deadlineMs: number | null;
  setTrailer(key: string, value: string | Buffer): void;
}

type Shape<D> = D extends DescMessage ? MessageShape<D> : never;
type Init<D> = D extends DescMessage ? MessageInitShape<D> : never;

/** The function that serves one method: a promise for one answer, an async iterable for many. */
export type HandlerOf<M> = M extends { methodKind: infer K; input: infer I; output: infer O }
  ? K extends "unary"
    ? (request: Shape<I>, context: CallContext) => Promise<Init<O>>
    : K extends "server_streaming"
      ? (request: Shape<I>, context: CallContext) => AsyncIterable<Init<O>>
      : K extends "client_streaming"
        ? (requests: AsyncIterable<Shape<I>>, context: CallContext) => Promise<Init<O>>
        : (requests: AsyncIterable<Shape<I>>, context: CallContext) => AsyncIterable<Init<O>>
  : never;

/** One handler for each method of a service, by its camelCase name. */
export type HandlersOf<S extends DescService> = { [K in keyof S["method"]]: HandlerOf<S["method"][K]> };

/** One method ready to be served: its path, its codec, and what answers it. */
export interface Endpoint {
  /** `/package.Service/Method`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  /** Throws INVALID_ARGUMENT on bytes that are no such message, or more of one than is taken. */
  decode(bytes: Uint8Array): unknown;
  encode(value: unknown): Uint8Array;
  /** Null = answers UNIMPLEMENTED with `reason`, and gives way to a raw handler of the same path. */
  readonly handle: Handle | null;
  readonly reason: string;
}

/** A handler whose types were checked where it was written. */
export type Handle = (request: never, context: CallContext) => Promise<unknown> | AsyncIterable<unknown>;

/** What a server can add: the endpoints of one service. */
export interface Implementation {
  readonly serviceName: string;
  readonly endpoints: readonly Endpoint[];
}

/**
 * Binds handlers to a service. A method without one answers UNIMPLEMENTED "<method> is not served here:
 * <reason>".
 */
export function implementService<S extends DescService>(
  service: S,
  handlers: Partial<HandlersOf<S>>,
  reason = "this process has no handler for it",
): Implementation {
  const byName = handlers as Readonly<Record<string, Handle | undefined>>;
  return {
    serviceName: service.typeName,
    endpoints: service.methods.map((method) => ({
      path: methodPath(method),
      requestStream: streamsRequest(method),
      responseStream: streamsResponse(method),
      decode: (bytes) => decoded(method.input, bytes),
      encode: (value) => toBinary(method.output, create(method.output, value as MessageShape<DescMessage>)),
      handle: byName[method.localName]?.bind(handlers) ?? null,
      reason: `${method.name} is not served here: ${reason}`,
    })),
  };
}

/** Returns `/package.Service/Method`. */
export function methodPath(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

/** Returns whether the client may send many messages. */
export function streamsRequest(method: DescMethod): boolean {
  return method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming";
}

/** Returns whether the server may send many messages. */
export function streamsResponse(method: DescMethod): boolean {
  return method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming";
}

/** Returns the method of that name, as written in the proto file; INTERNAL when the service has none. */
export function findMethod(service: DescService, name: string): DescMethod {
  const method = service.methods.find((m) => m.name === name);
  if (method === undefined)
    throw new ServiceError(Code.INTERNAL, `${service.typeName} has no method ${name}`);
  return method;
}

function decoded(schema: DescMessage, bytes: Uint8Array): unknown {
  const message = decodeMessage(schema, bytes);
  if (message instanceof ServiceError) throw message;
  return message;
}
