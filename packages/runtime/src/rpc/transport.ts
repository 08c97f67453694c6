import type { Caller } from "../security/caller";
import type { ServerMaterial } from "../security/tls-identity";
import type { GatherMessage } from "./raw";

/**
 * What carries the calls of a gRPC server: sockets, HTTP/2, message framing, compression, deadlines and
 * limits. The server on top of it (`createRpcServer`) knows methods, codecs and status. Implementations:
 * `GrpcJsTransport` and `Wire` of `native/wire`; `testing/transports.ts` names those that the contract suite
 * runs on.
 */
export interface Transport {
  /** Serves a path whose client sends one message; takes the place of an earlier handler of it. */
  unary(path: string, handler: (message: Buffer, call: TransportCall) => void): void;
  /**
   * Serves a path whose client may send many messages; the handler sets the call's listener before it
   * returns.
   */
  stream(path: string, handler: (call: TransportCall) => void): void;
  /** Speaks TLS with those who connect from now on. Returns why it cannot, and stays as it was then. */
  secure(tls: ServerMaterial): string | null;
  /**
   * Is told at most every ten seconds how many TLS handshakes failed since, and of which client and how the
   * first did.
   */
  handshakesFailed: (count: number, first: string) => void;
  /**
   * Lets `guard` say who makes each call, as soon as its headers are there and before its message is taken
   * in. The answer may be kept for calls of that method with the same `authorization` on that connection
   * until `askAnew`.
   */
  guard(guard: TransportGuard): void;
  askAnew(): void;
  /** Listens on an IP address, port 0 = any. The port, or the reason why it cannot be had. */
  listen(ip: string, port: number): number | string | Promise<number | string>;
  /** Calls that have begun and not ended. */
  readonly openCalls: number;
  readonly connections: number;
  /** Bytes of requests that were received and have not been let go. */
  readonly heldBytes: number;
  /** What its open connections take beside that: sockets, sessions and their tables, as measured. */
  readonly connectionBytes: number;
  /** What the limits turned away since the start. */
  readonly refused: TransportRefusals;
  /**
   * Takes no new connections and asks clients to leave; `last` refuses calls that are still on their way
   * here.
   */
  shutDown(last: boolean): void;
  /** Cuts everything off. */
  close(): void;
}

/** Counts by limit (`ServerLimits`). */
export interface TransportRefusals {
  /** Connections beyond `connectionsMax`. */
  readonly connections: number;
  /** Calls whose request went beyond `heldMaxBytes`. */
  readonly bytes: number;
  /** Calls whose only request had not come whole after `requestMaxMs`. */
  readonly time: number;
}

/** Decides who makes a call and whether it may be made. */
export interface TransportGuard {
  /**
   * Whether `authorization` tells callers apart; it is then kept from handlers. Else only their connections
   * do.
   */
  readonly tokens: boolean;
  admit(call: {
    readonly path: string;
    readonly authorization: string | undefined;
    readonly peer: string;
  }): { readonly caller: Caller } | { readonly refusal: StatusPairs };
}

/** How a call ends that failed. */
export interface StatusPairs {
  readonly code: number;
  readonly message: string;
  /** Trailers: names and values by turns; values of `-bin` names are base64. */
  readonly pairs: readonly string[];
}

/** One call. Nothing has an effect after `finish`, `answer` or the listener's `cancelled`. */
export interface TransportCall {
  /**
   * Milliseconds that were left when it was handed over; null = no deadline. The transport ends the call when
   * it has passed.
   */
  readonly deadlineMs: number | null;
  /** `host:port` of the client. */
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
  write(message: Uint8Array | GatherMessage): boolean;
  /** Ends the call, behind what was written. `trailers` as in `StatusPairs`. */
  finish(code: number, message: string, trailers: readonly string[]): void;
  /** Sends the only message and ends the call with OK. */
  answer(message: Uint8Array | GatherMessage, trailers: readonly string[]): void;
}

/** Callbacks of one call. */
export interface TransportListener {
  message(bytes: Buffer): void;
  /** The client sends no more. */
  halfClosed(): void;
  /** The caller is gone or its deadline has passed; nothing is called afterwards. */
  cancelled(): void;
  drained(): void;
}
