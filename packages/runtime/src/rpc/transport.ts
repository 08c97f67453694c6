import type { Caller } from "../security/caller";
import type { ServerMaterial } from "../security/tls-identity";

/**
 * What carries gRPC calls in place of grpc-js: sockets, HTTP/2, message framing, compression and deadlines. The server on
 * top of it (`createRpcServer`) knows methods, codecs and status.
 */
export interface Transport {
  /** Serves a path whose client sends one message. */
  unary(path: string, handler: (message: Buffer, call: TransportCall) => void): void;
  /** Serves a path whose client may send many; the handler sets the call's listener. */
  stream(path: string, handler: (call: TransportCall) => void): void;
  /** Speaks TLS with those who connect from now on. Returns why it cannot, and stays as it was then. */
  secure(tls: ServerMaterial): string | null;
  /** Hears now and then how many TLS handshakes failed since the last time, and of which client and how the first did. */
  handshakesFailed: (count: number, first: string) => void;
  /**
   * Lets `guard` say who makes each call, as soon as its headers are there and before its message is taken in. What it
   * says holds for further calls of that method with the same `authorization` on that connection, until `askAnew`.
   */
  guard(guard: TransportGuard): void;
  askAnew(): void;
  /** Listens on an IP address, port 0 = any. The port, or the reason why it cannot be had. */
  listen(ip: string, port: number): number | string;
  /** Calls handed over and not ended, and the connections they may have come on. */
  readonly openCalls: number;
  readonly connections: number;
  /** Bytes of requests that were received and have not been let go. */
  readonly heldBytes: number;
  /** Takes no new connections and asks clients to leave; `last` refuses calls that are still on their way here. */
  shutDown(last: boolean): void;
  /** Cuts everything off. */
  close(): void;
}

/** Says who calls. */
export interface TransportGuard {
  /** Whether `authorization` tells callers apart; it is then kept from handlers. Else only their connections do. */
  readonly tokens: boolean;
  admit(call: { readonly path: string; readonly authorization: string | undefined; readonly peer: string }):
    | { readonly caller: Caller }
    | {
        readonly refusal: {
          readonly code: number;
          readonly message: string;
          readonly pairs: readonly string[];
        };
      };
}

/** One call. After `finish`, `answer` and the listener's `cancelled` everything does nothing. */
export interface TransportCall {
  /** Milliseconds that were left at arrival; null = no deadline. The transport ends the call when it has passed. */
  readonly deadlineMs: number | null;
  readonly peer: string;
  /** As the guard said. */
  readonly caller: Caller;
  /** Metadata as it came, names and values by turns; values of `-bin` names are base64. */
  metadata(): readonly string[];
  listener: TransportListener | null;
  /** Holds messages back, and thereby the client. */
  pause(): void;
  resume(): void;
  /** Sends one message; false = `drained` will tell when to go on. */
  write(bytes: Uint8Array): boolean;
  /** Ends the call; `trailers` are names and values by turns. */
  finish(code: number, message: string, trailers: readonly string[]): void;
  /** Sends the only message and ends the call with OK. */
  answer(bytes: Uint8Array, trailers: readonly string[]): void;
}

/** Who hears of a call. */
export interface TransportListener {
  message(bytes: Buffer): void;
  /** The client sends no more. */
  halfClosed(): void;
  /** The caller is gone or its deadline has passed; nothing is called afterwards. */
  cancelled(): void;
  drained(): void;
}
