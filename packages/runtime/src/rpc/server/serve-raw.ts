import { Code, ServiceError } from "../../errors";
import type { Caller } from "../../security/caller";
import { firstValue, statusPairs, trailerPairs } from "../metadata-pairs";
import type { CallFacts, GatherMessage, RawUnaryCall, ServedStream, TrailerValues } from "../raw";
import type { TransportCall, TransportListener } from "../transport";

const NO_TRAILERS: TrailerValues = {};
const NO_PAIRS: readonly string[] = [];

/** A call of a transport on its way to a handler; its metadata is read when it is first asked for. */
export class ServedCall implements CallFacts, TransportListener {
  private pairs: readonly string[] | null = null;

  constructor(protected readonly call: TransportCall) {
    call.listener = this;
  }

  get peer(): string {
    return this.call.peer;
  }

  get caller(): Caller {
    return this.call.caller;
  }

  get deadlineMs(): number | null {
    return this.call.deadlineMs;
  }

  metadata(name: string): string | undefined {
    this.pairs ??= this.call.metadata();
    return firstValue(this.pairs, name);
  }

  metadataNames(): readonly string[] {
    this.pairs ??= this.call.metadata();
    return this.pairs.filter((_, i) => i % 2 === 0);
  }

  /** Ends the call with a failure. */
  refuse(e: ServiceError, trailers: TrailerValues = NO_TRAILERS): void {
    const { code, message, pairs } = statusPairs(e, trailers);
    this.call.finish(code, message, pairs);
  }

  message(_: Buffer): void {}
  halfClosed(): void {}
  cancelled(): void {}
  drained(): void {}
}

/** A unary call of undecoded messages. */
export class ServedUnary extends ServedCall implements RawUnaryCall {
  private hearCancel: (() => void) | null = null;

  onCancel(f: () => void): void {
    this.hearCancel = f;
  }

  answer(message: Uint8Array | GatherMessage, trailers?: TrailerValues): void {
    this.call.answer(message, trailers === undefined ? NO_PAIRS : trailerPairs(trailers));
  }

  override cancelled(): void {
    this.hearCancel?.();
  }
}

/** The server's end of a stream of undecoded messages. Nothing is read before `onData`. */
export class ServedRawStream extends ServedCall implements ServedStream {
  private over = false;
  private hearData: (bytes: Buffer) => void = ignore;
  private hearDrain: () => void = ignore;
  private hearEnd: (error: ServiceError | null) => void = ignore;
  private hearBreak: (error: ServiceError) => void = ignore;
  private ended = false;

  constructor(call: TransportCall) {
    super(call);
    call.pause();
  }

  write(message: Uint8Array | GatherMessage): boolean {
    return !this.over && this.call.write(message);
  }

  onData(f: (bytes: Buffer) => void): void {
    this.hearData = f;
    this.call.resume();
  }

  onDrain(f: () => void): void {
    this.hearDrain = f;
  }

  onEnd(f: (error: ServiceError | null) => void): void {
    this.hearEnd = f;
  }

  onBreak(f: (error: ServiceError) => void): void {
    this.hearBreak = f;
  }

  pause(): void {
    this.call.pause();
  }

  resume(): void {
    this.call.resume();
  }

  end(): void {
    if (this.over) return;
    this.over = true;
    this.call.finish(Code.OK, "", NO_PAIRS);
    setImmediate(() => this.tellEnd(null));
  }

  destroy(e: ServiceError): void {
    if (this.over) return;
    this.over = true;
    this.refuse(e);
    setImmediate(() => this.tellEnd(e));
  }

  override message(bytes: Buffer): void {
    this.hearData(bytes);
  }

  /**
   * A peer that resets the stream looks at first like one that half-closes; which it was is known a turn
   * later.
   */
  override halfClosed(): void {
    setImmediate(() => this.tellEnd(null));
  }

  override cancelled(): void {
    this.over = true;
    const gone = new ServiceError(Code.CANCELLED, "the peer is gone");
    this.tellEnd(gone);
    this.hearBreak(gone);
  }

  override drained(): void {
    this.hearDrain();
  }

  private tellEnd(error: ServiceError | null): void {
    if (this.ended) return;
    this.ended = true;
    this.hearEnd(error);
  }
}

function ignore(): void {}
