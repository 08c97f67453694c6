import type { CallHost } from "./call-host";
import { joinTrailers } from "./trailers";

/** Bytes that came on a link and stay outside of JavaScript; valid only while their event is being handled. */
export class LinkBytes {
  /** Which of the events being handled they belong to. */
  place = 0;
  byteLength = 0;

  constructor(private readonly host: CallHost) {}

  /** Valid for good. */
  bytes(): Uint8Array {
    return this.host.addon.eventBytes(this.host.handle, this.place) ?? new Uint8Array();
  }
}

/** What a call came with besides its message. One object is used for all, so keep what you need of it. */
export interface InferArrival<Caller> {
  /** Milliseconds left of its deadline; -1 without one. */
  deadlineMs: number;
  /** Of the message. */
  byteLength: number;
  caller: Caller;
  /** W3C Trace Context of the caller's span; undefined: none came. */
  traceparent: string | undefined;
}

/** Serves ModelInfer without its messages entering JavaScript. */
export interface InferHandler<Head, Caller = unknown> {
  /** Reads the head of requests: a ModelInferRequest without its id and tensors. Equal heads are read once. */
  readHead(bytes: Buffer): Head;
  /** Starts a call; null = let the method's unary handler serve it. */
  start(id: number, head: Head, arrival: InferArrival<Caller>): WireInferCall | null;
}

/** One ModelInfer call. It ends with `answer` or `refuse`, or is cancelled; after that everything does nothing. */
export abstract class WireInferCall {
  over = false;

  constructor(
    protected readonly host: CallHost,
    readonly id: number,
    /** Of the request. */
    readonly byteLength: number,
  ) {}

  /** The request, not to be changed; nothing when the call is over. */
  bytes(): Uint8Array {
    return this.host.addon.copy(this.host.handle, this.id) ?? new Uint8Array();
  }

  /** host:port of the client. */
  get peer(): string {
    return this.host.addon.peer(this.host.handle, this.id);
  }

  /** The caller is gone or its deadline has passed. */
  abstract onCancelled(): void;

  /** Called by the wire. */
  cancelled(): void {
    if (this.over) return;
    this.end();
    this.onCancelled();
    this.host.addon.release(this.host.handle, this.id);
  }

  /** Answers with `head` (ModelInferResponse fields without the id, which is put behind it) and the body. */
  protected send(head: Uint8Array, body: Uint8Array | LinkBytes, trailers: readonly string[]): void {
    if (this.over) return;
    this.end();
    const { addon, handle } = this.host;
    const joined = joinTrailers(trailers);
    if (body instanceof LinkBytes) addon.answerInfer(handle, this.id, head, body.place, joined);
    else addon.answerParts(handle, this.id, head, body, joined);
  }

  protected fail(code: number, message: string, trailers: readonly string[]): void {
    if (this.over) return;
    this.end();
    this.host.addon.finish(this.host.handle, this.id, code, message, joinTrailers(trailers));
  }

  private end(): void {
    this.over = true;
    this.host.forget(this.id);
  }
}
