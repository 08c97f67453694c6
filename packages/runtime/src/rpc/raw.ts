import type { ServiceError } from "../errors";
import type { Caller } from "../security/caller";

/** A message in parts that is written straight into the frame that is sent, instead of being joined first. */
export interface GatherMessage {
  readonly length: number;
  readonly byteLength: number;
  /** Writes every part into `target` from `offset`; returns how many bytes it wrote. */
  copy(target: Uint8Array, offset: number): number;
}

/** Values for trailing metadata; a Buffer needs a key that ends in `-bin`. */
export type TrailerValues = Readonly<Record<string, string | Buffer>>;

/** What a handler may know of its call, however the call is served. */
export interface CallFacts {
  /** `host:port` of the client. */
  readonly peer: string;
  readonly caller: Caller;
  /**
   * Returns the first value of `name` (lower case) that the client sent; base64 where the name ends in
   * `-bin`.
   */
  metadata(name: string): string | undefined;
  /** Returns the names of all that `metadata` may return, in lower case. */
  metadataNames(): readonly string[];
}

/**
 * One unary call whose message nobody decoded. Exactly one of `answer` and `refuse` ends it; after that both
 * do nothing.
 */
export interface RawUnaryCall extends CallFacts {
  /** Milliseconds that were left at arrival; null = no deadline. */
  readonly deadlineMs: number | null;
  /**
   * Calls `f` when the caller gives up or its deadline passes; a later `f` takes the place of an earlier one.
   */
  onCancel(f: () => void): void;
  answer(message: Uint8Array | GatherMessage, trailers?: TrailerValues): void;
  refuse(e: ServiceError, trailers?: TrailerValues): void;
}

/** A bidirectional stream of undecoded messages; the same at both ends. Each `on…` holds one function. */
export interface RawStream {
  /** Sends one message; false = wait for drain before sending more. */
  write(message: Uint8Array | GatherMessage): boolean;
  /** Starts the flow. */
  onData(f: (bytes: Buffer) => void): void;
  onDrain(f: () => void): void;
  /** Takes no more messages until `resume`; the other side soon has to wait. */
  pause(): void;
  resume(): void;
  /**
   * Called once: the other side is done (null), the stream broke, or this side ended it (null, or the reason
   * of `destroy`).
   */
  onEnd(f: (error: ServiceError | null) => void): void;
  /** The stream broke or was cancelled, also one whose other side was done before. Called once. */
  onBreak(f: (error: ServiceError) => void): void;
  /** Half-closes at the client; ends the call with OK at the server. */
  end(): void;
  /** Ends the call with a failure at the server; cancels it at the client. */
  destroy(e: ServiceError): void;
}

/** A raw stream at the server's end. */
export interface ServedStream extends RawStream, CallFacts {}
