import { type Caller, Code, ServiceError, systemClock } from "@infaas/runtime";
import type { Reply } from "../reply";
import { answerReply, codecOf, failureReply, requestBytes, timeoutOf } from "./connect-message";
import type { ConnectMethod } from "./connect-methods";

/** What a call of the Connect protocol brings. */
export interface ConnectRequest {
  readonly body: Buffer;
  readonly caller: Caller;
  /** host:port of the client. */
  readonly peer: string;
  /** Aborts when the client is gone. */
  readonly gone: AbortSignal;
  header(name: string): string | undefined;
  headerNames(): readonly string[];
}

/**
 * Answers one unary call of the Connect protocol (connectrpc.com/docs/protocol): what web pages speak where gRPC
 * needs what browsers hide. Failures are replies.
 */
export async function answerConnect(method: ConnectMethod, request: ConnectRequest): Promise<Reply> {
  const ending = new AbortController();
  const cancel = () => ending.abort(new ServiceError(Code.CANCELLED, "cancelled by the caller"));
  const { gone } = request;
  gone.addEventListener("abort", cancel, { once: true });
  const trailers: Record<string, string> = {};
  try {
    const codec = codecOf(request.header("content-type") ?? "");
    const deadlineMs = timeoutOf(request.header("connect-timeout-ms"));
    const bytes = requestBytes(codec, method.input, request.body);
    const calling = method.call(bytes, {
      peer: request.peer,
      caller: request.caller,
      deadlineMs,
      signal: ending.signal,
      metadata: (name) => request.header(name),
      metadataNames: () => request.headerNames(),
      setTrailer: (name, value) => {
        if (typeof value === "string") trailers[`trailer-${name}`] = value;
      },
    });
    return withTrailers(
      answerReply(codec, method.output, await within(deadlineMs, calling, ending)),
      trailers,
    );
  } catch (fault) {
    return withTrailers(failureReply(ServiceError.from(fault)), trailers);
  } finally {
    gone.removeEventListener("abort", cancel);
  }
}

/** Settles with `work`, or rejects with DEADLINE_EXCEEDED after `deadlineMs` and aborts `ending`. */
function within<T>(deadlineMs: number | null, work: Promise<T>, ending: AbortController): Promise<T> {
  if (deadlineMs === null) return work;
  return new Promise((resolve, reject) => {
    const timer = systemClock.setTimer(deadlineMs, () => {
      const late = new ServiceError(Code.DEADLINE_EXCEEDED, `not answered within ${deadlineMs} ms`);
      ending.abort(late);
      reject(late);
    });
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}

function withTrailers(reply: Reply, trailers: Readonly<Record<string, string>>): Reply {
  return { ...reply, headers: { ...reply.headers, ...trailers } };
}
