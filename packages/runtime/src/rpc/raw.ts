import type { Metadata } from "@grpc/grpc-js";
import type { ServiceError } from "../errors";
import type { Caller } from "../security/caller";

/**
 * A message in parts that is written straight into the frame grpc-js sends, instead of being joined first. grpc-js
 * 1.14.7 uses exactly these three of what it believes to be a Buffer; a test sends one both ways.
 */
export interface GatherMessage {
  readonly length: number;
  readonly byteLength: number;
  /** Writes every part into `target` from `offset`; returns how many bytes it wrote. */
  copy(target: Uint8Array, offset: number): number;
}

/** Values for trailing metadata; a Buffer needs a key that ends in `-bin`. */
export type TrailerValues = Readonly<Record<string, string | Buffer>>;

/** One unary call whose message nobody decoded. Exactly one of `answer` and `refuse` ends it; after that both do nothing. */
export interface RawUnaryCall {
  readonly metadata: Metadata;
  /** Time that was left at arrival; null = no deadline. */
  readonly deadlineMs: number | null;
  readonly peer: string;
  /** Made anew at each look where there is no guard: look once. */
  readonly caller: Caller;
  readonly cancelled: boolean;
  /** Calls `f` when the caller gives up or its deadline passes. */
  onCancel(f: () => void): void;
  answer(bytes: Uint8Array | GatherMessage, trailer?: TrailerValues): void;
  refuse(e: ServiceError, trailer?: TrailerValues): void;
}

/** A bidirectional stream of undecoded messages; the same at both ends. */
export interface RawStream {
  /** What the client sent along; empty at the client's end. */
  readonly metadata: Metadata;
  /** Sends one message; false = wait for drain before sending more. */
  write(bytes: Uint8Array | GatherMessage): boolean;
  /** Starts the flow: call once. */
  onData(f: (bytes: Buffer) => void): void;
  onDrain(f: () => void): void;
  /** Takes no more messages until `resume`; the other side soon has to wait. */
  pause(): void;
  resume(): void;
  /** The other side is done (null) or the stream broke. Called once. */
  onEnd(f: (error: ServiceError | null) => void): void;
  /** The stream broke or was cancelled, also one whose other side was done before. Called once. */
  onBreak(f: (error: ServiceError) => void): void;
  /** Half-closes at the client; ends the call with OK at the server. */
  end(): void;
  /** Ends the call with a failure at the server; cancels it at the client. */
  destroy(e: ServiceError): void;
}

/** A raw stream at the server's end. */
export interface ServedStream extends RawStream {
  /** Made anew at each look where there is no guard: look once. */
  readonly caller: Caller;
}

/** Returns what grpc-js may treat as a Buffer: bytes as a view without a copy, a gather message as it is. */
export function asBuffer(message: Uint8Array | GatherMessage): Buffer {
  if (Buffer.isBuffer(message)) return message;
  if (message instanceof Uint8Array) {
    return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  }
  return message as unknown as Buffer;
}
