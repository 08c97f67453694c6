import {
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { Code, ServiceError } from "../../errors";
import { type Caller, unnamedCaller } from "../../security/caller";
import { asBuffer } from "../raw";
import type { CallContext, Endpoint, Handle } from "../service";
import { toGrpcStatus } from "../status";

type AnyCall =
  | ServerUnaryCall<Buffer, Buffer>
  | ServerReadableStream<Buffer, Buffer>
  | ServerWritableStream<Buffer, Buffer>
  | ServerDuplexStream<Buffer, Buffer>;

/** Returns the time left of a call in milliseconds, null without a deadline. */
export function deadlineMsOf(call: { getDeadline(): Date | number }): number | null {
  const deadline = Number(call.getDeadline());
  return Number.isFinite(deadline) ? deadline - Date.now() : null;
}

/** Returns who makes a call. */
export type CallerOf = (call: { readonly metadata: Metadata; getPeer(): string }) => Caller;

/** Returns what knows who made the calls that came through the guard; without one the peer's address is all that is known. */
export function callersBy(callers: WeakMap<Metadata, Caller>): CallerOf {
  return (call) => callers.get(call.metadata) ?? unnamedCaller(call.getPeer());
}

class Context implements CallContext {
  readonly deadlineMs: number | null;
  readonly metadata: Metadata;
  readonly trailer = new Metadata();
  readonly #call: AnyCall;
  readonly #callerOf: CallerOf;
  readonly #controller = new AbortController();

  constructor(call: AnyCall, callerOf: CallerOf) {
    this.#call = call;
    this.#callerOf = callerOf;
    this.metadata = call.metadata;
    this.deadlineMs = deadlineMsOf(call);
    (call as NodeJS.EventEmitter).on("cancelled", () =>
      this.#controller.abort(new ServiceError(Code.CANCELLED, "cancelled by the caller")),
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  get caller(): Caller {
    return this.#callerOf(this.#call);
  }

  setTrailer(key: string, value: string | Buffer): void {
    this.trailer.set(key, value);
  }
}

/** Returns what the peer is told of a fault; hears of every one that nobody expected. */
export type Telling = (fault: unknown, path: string) => ServiceError;

/** What serving one method needs. */
export interface Serving {
  readonly endpoint: Endpoint;
  readonly callerOf: CallerOf;
  readonly tell: Telling;
}

/** Serves a method that has one answer. */
export async function serveOne(
  { endpoint, callerOf, tell }: Serving,
  call: ServerUnaryCall<Buffer, Buffer> | ServerReadableStream<Buffer, Buffer>,
  callback: sendUnaryData<Buffer>,
): Promise<void> {
  const context = new Context(call, callerOf);
  try {
    const request = "request" in call ? endpoint.decode(call.request) : requestsOf(endpoint, call, context);
    const value = await (handleOf(endpoint)(request as never, context) as Promise<unknown>);
    callback(null, asBuffer(endpoint.encode(value)), context.trailer);
  } catch (e) {
    callback(toGrpcStatus(tell(e, endpoint.path), context.trailer));
  }
}

/** Serves a method that has many answers; honours back-pressure and stops asking the handler when the caller is gone. */
export async function serveMany(
  { endpoint, callerOf, tell }: Serving,
  call: ServerWritableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
): Promise<void> {
  const context = new Context(call, callerOf);
  try {
    const request = "request" in call ? endpoint.decode(call.request) : requestsOf(endpoint, call, context);
    const answers = handleOf(endpoint)(request as never, context) as AsyncIterable<unknown>;
    for await (const answer of answers) {
      if (context.signal.aborted) return;
      if (!call.write(asBuffer(endpoint.encode(answer)))) await drained(call, context.signal);
    }
    call.end(context.trailer);
  } catch (e) {
    if (!context.signal.aborted) call.emit("error", toGrpcStatus(tell(e, endpoint.path), context.trailer));
  }
}

function handleOf(endpoint: Endpoint): Handle {
  if (endpoint.handle === null) throw new ServiceError(Code.UNIMPLEMENTED, endpoint.reason);
  return endpoint.handle;
}

async function* requestsOf(
  endpoint: Endpoint,
  call: ServerReadableStream<Buffer, Buffer> | ServerDuplexStream<Buffer, Buffer>,
  context: CallContext,
): AsyncGenerator<unknown> {
  try {
    for await (const bytes of call.iterator({ destroyOnReturn: false })) yield endpoint.decode(bytes);
  } catch (e) {
    if (context.signal.aborted)
      throw new ServiceError(Code.CANCELLED, "cancelled by the caller", { cause: e });
    throw e;
  }
}

function drained(call: NodeJS.EventEmitter, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      call.off("drain", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    call.on("drain", done);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
  });
}
