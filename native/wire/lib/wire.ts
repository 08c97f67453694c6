import { eventKind, eventsMax, mail, methodKind, placeMask } from "./mail";
import { type Native, native, type WireHandle } from "./native";
import { type ServerLimits, serverLimitsDefault } from "./server-limits";
import { type CallHost, WireCall } from "./wire-call";

/** Bytes of an answer's head, at most. */
const SCRATCH_BYTES = 64 * 1024;

/** Serves a method with one request message. */
export type UnaryHandler = (message: Buffer, call: WireCall) => void;
/** Serves a method with any number of messages; sets the call's listener. */
export type StreamHandler = (call: WireCall) => void;

/**
 * A gRPC server without TLS in native code, on the thread that made it. Sockets are read together, and JavaScript is
 * called once for all that came.
 */
export class Wire implements CallHost {
  readonly addon: Native = native();
  readonly handle: WireHandle;
  readonly messageMaxBytes: number;
  private readonly numbers = new Float64Array(eventsMax * mail.stride);
  private readonly scratch = new Uint8Array(SCRATCH_BYTES);
  private readonly unaryHandlers: (UnaryHandler | undefined)[] = [];
  private readonly streamHandlers: (StreamHandler | undefined)[] = [];
  /** Open calls by their place. */
  private readonly calls: (WireCall | undefined)[] = [];
  private open = 0;

  /** Throws an Error that says why when the add-on cannot run in this process; see `probeWire`. */
  constructor(limits: Partial<ServerLimits> = {}) {
    const all = { ...serverLimitsDefault, ...limits };
    this.messageMaxBytes = all.messageMaxBytes;
    this.handle = this.addon.open(all, this.numbers, this.scratch, (count) => this.receive(count));
  }

  unary(path: string, handler: UnaryHandler): void {
    this.unaryHandlers[this.addon.method(this.handle, path, methodKind.unary)] = handler;
  }

  stream(path: string, handler: StreamHandler): void {
    this.streamHandlers[this.addon.method(this.handle, path, methodKind.stream)] = handler;
  }

  /** Listens on an IP address, port 0 = any. The port, or the reason why it cannot be had. */
  listen(ip: string, port: number): number | string {
    return this.addon.listen(this.handle, ip, port);
  }

  /** Calls that were handed over and have not ended. */
  get openCalls(): number {
    return this.open;
  }

  get connections(): number {
    return this.addon.connections(this.handle);
  }

  /** Takes no new connections and asks clients to leave; `last` refuses calls that are still on their way here. */
  shutDown(last: boolean): void {
    this.addon.shutDown(this.handle, last);
  }

  /** Cuts everything off: open calls are cancelled. */
  close(): void {
    this.addon.close(this.handle);
    for (const call of this.calls) call?.cancelled();
  }

  /** Called by a call that has ended. */
  forget(id: number): void {
    this.calls[id & placeMask] = undefined;
    this.open--;
  }

  private receive(count: number): void {
    for (let i = 0, at = 0; i < count; i++, at += mail.stride) this.dispatch(at);
  }

  private dispatch(at: number): void {
    const { numbers } = this;
    const id = numbers[at + mail.subject]!;
    switch (numbers[at + mail.kind]) {
      case eventKind.unary:
        this.startUnary(id, at);
        return;
      case eventKind.opened:
        this.streamHandlers[numbers[at + mail.method]!]?.(this.start(id, at));
        return;
      case eventKind.message:
        this.calls[id & placeMask]?.arrived(numbers[at + mail.encoding]!);
        return;
      case eventKind.halfClosed:
        this.calls[id & placeMask]?.halfClosed();
        return;
      case eventKind.drained:
        this.calls[id & placeMask]?.drained();
        return;
      case eventKind.cancelled:
        this.calls[id & placeMask]?.cancelled();
        return;
    }
  }

  private start(id: number, at: number): WireCall {
    const deadlineMs = this.numbers[at + mail.deadlineMs]!;
    const call = new WireCall(this, id, deadlineMs < 0 ? null : deadlineMs);
    this.calls[id & placeMask] = call;
    this.open++;
    return call;
  }

  private startUnary(id: number, at: number): void {
    const handler = this.unaryHandlers[this.numbers[at + mail.method]!] as UnaryHandler;
    const call = this.start(id, at);
    call.listener = {
      message: (bytes) => {
        call.listener = null;
        handler(bytes, call);
      },
      halfClosed: ignore,
      cancelled: ignore,
      drained: ignore,
    };
    call.arrived(this.numbers[at + mail.encoding]!);
  }
}

function ignore(): void {}
