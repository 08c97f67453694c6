import { EventEmitter } from "node:events";
import { Duplex } from "node:stream";
import { Metadata, type sendUnaryData } from "@grpc/grpc-js";
import { Code } from "../../errors";
import type { Caller } from "../../security/caller";
import type { GatherMessage } from "../raw";
import type { GrpcStatus } from "../status";
import { metadataPairs } from "../trailer-pairs";
import type { TransportCall } from "../transport";

/** A call with one request message, in the shape in which grpc-js gives it to its handlers. */
export class TransportUnary extends EventEmitter {
  cancelled = false;
  readonly #call: TransportCall;
  readonly #deadline: number;
  #metadata: Metadata | null = null;

  constructor(
    readonly request: Buffer,
    call: TransportCall,
  ) {
    super();
    this.#call = call;
    this.#deadline = deadlineOf(call);
    const cancelled = (): void => {
      this.cancelled = true;
      this.emit("cancelled");
    };
    call.listener = { message: ignore, halfClosed: ignore, cancelled, drained: ignore };
  }

  get metadata(): Metadata {
    this.#metadata ??= metadataOf(this.#call);
    return this.#metadata;
  }

  get caller(): Caller {
    return this.#call.caller;
  }

  getPeer(): string {
    return this.#call.peer;
  }

  getDeadline(): number {
    return this.#deadline;
  }

  /** What grpc-js calls a unary handler's callback. */
  readonly settle: sendUnaryData<Buffer> = (error, message, trailer) =>
    settle(this.#call, error, message, trailer);
}

/** A call with many messages, likewise. An error emitted on it becomes its status, after what was written before. */
export class TransportDuplex extends Duplex {
  cancelled = false;
  readonly metadata: Metadata;
  readonly #call: TransportCall;
  readonly #deadline: number;
  #status: Partial<GrpcStatus> = { code: Code.OK, details: "" };
  #drained: (() => void) | null = null;

  constructor(call: TransportCall) {
    super({ objectMode: true });
    this.#call = call;
    this.#deadline = deadlineOf(call);
    this.metadata = metadataOf(call);
    call.listener = {
      message: (bytes) => {
        if (!this.push(bytes)) call.pause();
      },
      halfClosed: () => this.push(null),
      cancelled: () => {
        this.cancelled = true;
        this.emit("cancelled");
        this.destroy();
      },
      drained: () => {
        const drained = this.#drained;
        this.#drained = null;
        drained?.();
      },
    };
    this.on("error", (error: Partial<GrpcStatus>) => {
      this.#status = error;
      this.end();
    });
  }

  get caller(): Caller {
    return this.#call.caller;
  }

  getPeer(): string {
    return this.#call.peer;
  }

  getDeadline(): number {
    return this.#deadline;
  }

  /** Ends the call with OK and this trailing metadata. */
  override end(trailer?: unknown): this {
    if (trailer instanceof Metadata) this.#status = { ...this.#status, metadata: trailer };
    return super.end();
  }

  /** What grpc-js calls the callback of a handler that answers once. */
  readonly settle: sendUnaryData<Buffer> = (error, message, trailer) =>
    settle(this.#call, error, message, trailer);

  override _read(): void {
    this.#call.resume();
  }

  override _write(message: Uint8Array | GatherMessage, _: string, done: () => void): void {
    if (this.#call.write(toBytes(message))) done();
    else this.#drained = done;
  }

  override _final(done: () => void): void {
    const { code = Code.UNKNOWN, details = "", metadata } = this.#status;
    this.#call.finish(code, details, metadataPairs(metadata));
    done();
  }
}

/** A call with one request message and many answers. */
export class TransportAnswers extends TransportDuplex {
  constructor(
    readonly request: Buffer,
    call: TransportCall,
  ) {
    super(call);
  }
}

function settle(
  call: TransportCall,
  error: Partial<GrpcStatus> | null,
  message?: Uint8Array | GatherMessage | null,
  trailer?: Metadata | null,
): void {
  if (error === null && message) call.answer(toBytes(message), metadataPairs(trailer ?? undefined));
  else
    call.finish(
      error?.code ?? Code.UNKNOWN,
      error?.details ?? "",
      metadataPairs(error?.metadata ?? trailer ?? undefined),
    );
}

function deadlineOf({ deadlineMs }: TransportCall): number {
  return deadlineMs === null ? Number.POSITIVE_INFINITY : Date.now() + deadlineMs;
}

function toBytes(message: Uint8Array | GatherMessage): Uint8Array {
  if (message instanceof Uint8Array) return message;
  const bytes = Buffer.allocUnsafe(message.byteLength);
  message.copy(bytes, 0);
  return bytes;
}

const BINARY_SUFFIX = "-bin";

/** Pairs that gRPC does not allow (a value that is no printable ASCII) are left out, as grpc-js does. */
function metadataOf(call: TransportCall): Metadata {
  const metadata = new Metadata();
  const pairs = call.metadata();
  for (let i = 0; i + 1 < pairs.length; i += 2) addPair(metadata, pairs[i] as string, pairs[i + 1] as string);
  return metadata;
}

function addPair(metadata: Metadata, name: string, value: string): void {
  try {
    if (!name.endsWith(BINARY_SUFFIX)) metadata.add(name, value);
    else for (const part of value.split(",")) metadata.add(name, Buffer.from(part, "base64"));
  } catch {
    return;
  }
}

function ignore(): void {}
