import { type Metadata, ServerInterceptingCall, status } from "@grpc/grpc-js";
import { type Caller, unnamedCaller } from "../../security/caller";
import type { GatherMessage } from "../raw";
import type { TransportCall, TransportGuard, TransportListener } from "../transport";
import { asBuffer, metadataOf, pairsOf } from "./messages";

/** Messages handed to grpc-js and not written yet, at which `write` asks to wait. */
const UNWRITTEN_MAX = 16;

/** A call as interceptors of grpc-js get it. */
type InterceptingCall = ConstructorParameters<typeof ServerInterceptingCall>[0];

/** What serves a path; `streams`: its client may send many messages. */
export type PathHandler =
  | { readonly streams: false; readonly serve: (message: Buffer, call: TransportCall) => void }
  | { readonly streams: true; readonly serve: (call: TransportCall) => void };

/**
 * A call taken over from grpc-js as an interceptor, below the streams that grpc-js makes for handlers; the
 * handler that it is registered with is never called (decision 0022).
 */
export class TakenCall extends ServerInterceptingCall {
  private readonly call: GrpcJsCall;

  constructor(below: InterceptingCall, path: string, handler: PathHandler, guard: TransportGuard) {
    super(below);
    this.call = new GrpcJsCall(below, path, handler, guard);
  }

  override start(): void {
    this.call.begin();
  }
}

class GrpcJsCall implements TransportCall {
  listener: TransportListener | null = null;
  deadlineMs: number | null = null;
  caller: Caller = nobody;
  private headers: Metadata | null = null;
  private request: Buffer | null = null;
  private over = false;
  private paused = false;
  /** The next message may be asked for. */
  private ready = false;
  private reading = false;
  private unwritten = 0;
  private blocked = false;

  constructor(
    private readonly below: InterceptingCall,
    private readonly path: string,
    private readonly handler: PathHandler,
    private readonly guard: TransportGuard,
  ) {}

  begin(): void {
    this.below.start({
      onReceiveMetadata: (metadata) => this.admit(metadata),
      onReceiveMessage: (message) => this.received(message),
      onReceiveHalfClose: () => this.halfClosed(),
      onCancel: () => this.cancelled(),
    });
  }

  get peer(): string {
    return this.below.getPeer();
  }

  metadata(): readonly string[] {
    return this.headers === null ? [] : pairsOf(this.headers);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.read();
  }

  write(message: Uint8Array | GatherMessage): boolean {
    if (this.over) return true;
    this.unwritten += 1;
    this.blocked = this.unwritten >= UNWRITTEN_MAX;
    this.below.sendMessage(asBuffer(message), () => this.written());
    return !this.blocked;
  }

  finish(code: number, message: string, trailers: readonly string[]): void {
    if (this.over) return;
    this.over = true;
    this.sendStatus(code, message, trailers);
  }

  answer(message: Uint8Array | GatherMessage, trailers: readonly string[]): void {
    if (this.over) return;
    this.over = true;
    this.below.sendMessage(asBuffer(message), () => this.sendStatus(status.OK, "", trailers));
  }

  private admit(metadata: Metadata): void {
    const { path, guard } = this;
    const authorization = guard.tokens ? metadata.get("authorization")[0]?.toString() : undefined;
    const admission = guard.admit({ path, authorization, peer: this.peer });
    if ("refusal" in admission) {
      const { code, message, pairs } = admission.refusal;
      this.finish(code, message, pairs);
      return;
    }
    if (guard.tokens) metadata.remove("authorization");
    this.caller = admission.caller;
    this.headers = metadata;
    if (this.handler.streams) {
      this.handOver();
      this.handler.serve(this);
    }
    this.ready = true;
    this.read();
  }

  private handOver(): void {
    const deadline = Number(this.below.getDeadline());
    this.deadlineMs = Number.isFinite(deadline) ? deadline - Date.now() : null;
  }

  private received(message: Buffer): void {
    if (this.handler.streams) this.listener?.message(message);
    else if (this.request === null) this.request = message;
    else this.finish(status.UNIMPLEMENTED, `${this.path} takes one message; a second one came`, []);
    this.ready = true;
    this.read();
  }

  private halfClosed(): void {
    if (this.over) return;
    if (this.handler.streams) this.listener?.halfClosed();
    else if (this.request === null)
      this.finish(status.UNIMPLEMENTED, `${this.path} takes one message; none came`, []);
    else {
      const message = this.request;
      this.handOver();
      this.handler.serve(message, this);
    }
  }

  private cancelled(): void {
    if (this.over) return;
    this.over = true;
    this.listener?.cancelled();
  }

  /** Asks for one message at a time; what is there already comes within `startRead`, hence the loop. */
  private read(): void {
    if (this.reading) return;
    this.reading = true;
    while (this.ready && !this.paused && !this.over) {
      this.ready = false;
      this.below.startRead();
    }
    this.reading = false;
  }

  private written(): void {
    this.unwritten -= 1;
    if (!this.blocked || this.unwritten > 0 || this.over) return;
    this.blocked = false;
    this.listener?.drained();
  }

  private sendStatus(code: number, details: string, trailers: readonly string[]): void {
    this.below.sendStatus({ code, details, metadata: trailers.length === 0 ? null : metadataOf(trailers) });
  }
}

const nobody = unnamedCaller("");
