import type { CallHost } from "./call-host";
import { encoding } from "./event-layout";
import type { InflateFault } from "./inflate";
import { joinTrailers } from "./trailers";

/** Who hears of a call. */
export interface CallListener {
  /** The next message, in order. */
  message(bytes: Buffer): void;
  /** The client sends no more. */
  halfClosed(): void;
  /** The caller is gone or its deadline has passed; nothing is called afterwards. */
  cancelled(): void;
  /** What was written has left: write on. */
  drained(): void;
}

/** A message in parts. */
export interface MessageParts {
  readonly byteLength: number;
  /** Writes every part into `target` from `offset`. */
  copy(target: Uint8Array, offset: number): number;
}

const RESOURCE_EXHAUSTED = 8;
const INVALID_ARGUMENT = 3;

/** One gRPC call on the native server. After `finish`, `answer` or `cancelled` everything does nothing. */
export class WireCall<Caller = unknown> {
  /** Set it at once: what comes before is lost. */
  listener: CallListener | null = null;
  private over = false;
  /** Messages that can be taken, by how they are packed; null = the client is done. */
  private readonly waiting: (number | null)[] = [];
  private inflating = false;
  private paused = false;

  constructor(
    private readonly host: CallHost,
    private readonly id: number,
    /** Milliseconds that were left at arrival; null = no deadline. */
    readonly deadlineMs: number | null,
    /** Who makes it, as the wire's guard said; undefined without one. */
    readonly caller: Caller,
  ) {}

  /** host:port of the client. */
  get peer(): string {
    return this.host.addon.peer(this.host.handle, this.id);
  }

  /** Metadata as it came, names and values by turns; values of `-bin` names are base64. */
  metadata(): string[] {
    return this.host.addon.metadata(this.host.handle, this.id);
  }

  /** Sends one message; false = `drained` will tell when to go on. */
  write(message: Uint8Array | MessageParts): boolean {
    return this.over || this.host.addon.write(this.host.handle, this.id, joined(message));
  }

  /** Ends the call; `trailers` are names and values by turns. */
  finish(code: number, message: string, trailers: readonly string[]): void {
    if (this.over) return;
    this.end();
    this.host.addon.finish(this.host.handle, this.id, code, message, joinTrailers(trailers));
  }

  /** Sends the only message and ends the call with OK. */
  answer(message: Uint8Array | MessageParts, trailers: readonly string[]): void {
    if (this.over) return;
    this.end();
    this.host.addon.answer(this.host.handle, this.id, joined(message), joinTrailers(trailers));
  }

  /** Holds further messages back, and thereby the client once its window is full. */
  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    this.pump();
  }

  /** Called by the wire: a message can be taken. */
  arrived(how: number): void {
    this.waiting.push(how);
    this.pump();
  }

  /** Called by the wire. */
  halfClosed(): void {
    this.waiting.push(null);
    this.pump();
  }

  /** Called by the wire. */
  drained(): void {
    this.listener?.drained();
  }

  /** Called by the wire. */
  cancelled(): void {
    if (this.over) return;
    this.end();
    this.host.addon.release(this.host.handle, this.id);
    this.listener?.cancelled();
  }

  private end(): void {
    this.over = true;
    this.host.forget(this.id);
  }

  private pump(): void {
    while (!this.paused && !this.inflating && !this.over && this.waiting.length > 0) {
      const how = this.waiting.shift() as number | null;
      if (how === null) this.listener?.halfClosed();
      else this.take(how);
    }
  }

  private take(how: number): void {
    const bytes = this.host.addon.take(this.host.handle, this.id);
    if (bytes === undefined) return;
    if (how === encoding.identity) {
      this.listener?.message(bytes);
      return;
    }
    this.inflating = true;
    this.host.inflater.inflate(bytes, how, (inflated, fault) => {
      this.inflating = false;
      if (this.over) return;
      if (inflated === null) this.refuse(fault as InflateFault);
      else this.listener?.message(inflated);
      this.pump();
    });
  }

  private refuse({ kind, message }: InflateFault): void {
    const { listener } = this;
    this.finish(kind === "unreadable" ? INVALID_ARGUMENT : RESOURCE_EXHAUSTED, message, []);
    listener?.cancelled();
  }
}

function joined(message: Uint8Array | MessageParts): Uint8Array {
  if (message instanceof Uint8Array) return message;
  const bytes = Buffer.allocUnsafe(message.byteLength);
  message.copy(bytes, 0);
  return bytes;
}
