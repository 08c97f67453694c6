import { Metadata, type ServerDuplexStream, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { Code, ServiceError } from "../../errors";
import type { Caller } from "../../security/caller";
import {
  asBuffer,
  type GatherMessage,
  type RawUnaryCall,
  type ServedStream,
  type TrailerValues,
} from "../raw";
import { toGrpcStatus } from "../status";
import { type CallerOf, deadlineMsOf } from "./serve-endpoint";

/** One unary call as grpc-js gives it, in the small form that the data path uses. */
export class ServedRawUnary implements RawUnaryCall {
  readonly deadlineMs: number | null;
  readonly #call: ServerUnaryCall<Buffer, Buffer>;
  readonly #callback: sendUnaryData<Buffer>;
  readonly #callerOf: CallerOf;
  #ended = false;

  constructor(call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>, callerOf: CallerOf) {
    this.#call = call;
    this.#callerOf = callerOf;
    this.#callback = callback;
    this.deadlineMs = deadlineMsOf(call);
  }

  get metadata(): Metadata {
    return this.#call.metadata;
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  get caller(): Caller {
    return this.#callerOf(this.#call);
  }

  get cancelled(): boolean {
    return this.#call.cancelled;
  }

  onCancel(f: () => void): void {
    this.#call.on("cancelled", f);
  }

  answer(bytes: Uint8Array | GatherMessage, trailer?: TrailerValues): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#callback(null, asBuffer(bytes), trailer === undefined ? undefined : metadataOf(trailer));
  }

  refuse(e: ServiceError, trailer?: TrailerValues): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#callback(toGrpcStatus(e, metadataOf(trailer ?? {})));
  }
}

/** The server's end of a raw stream. */
export class ServedRawStream implements ServedStream {
  readonly #call: ServerDuplexStream<Buffer, Buffer>;
  readonly #callerOf: CallerOf;

  constructor(call: ServerDuplexStream<Buffer, Buffer>, callerOf: CallerOf) {
    this.#call = call;
    this.#callerOf = callerOf;
  }

  get caller(): Caller {
    return this.#callerOf(this.#call);
  }

  get metadata(): Metadata {
    return this.#call.metadata;
  }

  write(bytes: Uint8Array | GatherMessage): boolean {
    if (this.#call.cancelled || this.#call.writableEnded) return false;
    return this.#call.write(asBuffer(bytes));
  }

  onData(f: (bytes: Buffer) => void): void {
    this.#call.on("data", f);
  }

  onDrain(f: () => void): void {
    this.#call.on("drain", f);
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  onEnd(f: (error: ServiceError | null) => void): void {
    let told = false;
    const tell = (error: ServiceError | null): void => {
      if (told) return;
      told = true;
      f(error);
    };
    const gone = peerGone();
    this.#call.on("cancelled", () => tell(gone));
    // A peer that resets the stream looks at first like one that half-closes; which it was is known a turn later.
    this.#call.on("end", () => setImmediate(() => tell(this.#call.cancelled ? gone : null)));
  }

  onBreak(f: (error: ServiceError) => void): void {
    this.#call.once("cancelled", () => f(peerGone()));
  }

  end(): void {
    this.#call.end();
  }

  destroy(e: ServiceError): void {
    this.#call.emit("error", toGrpcStatus(e));
  }
}

function peerGone(): ServiceError {
  return new ServiceError(Code.CANCELLED, "the peer is gone");
}

function metadataOf(values: TrailerValues): Metadata {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(values)) metadata.set(key, value);
  return metadata;
}
