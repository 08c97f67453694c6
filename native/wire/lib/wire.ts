import { DEFAULT_CIPHERS, DEFAULT_MIN_VERSION } from "node:tls";
import { Admissions, type WireCaller, type WireGuard } from "./admission";
import type { CallHost } from "./call-host";
import {
  encoding,
  eventKind,
  eventLayout,
  eventsMax,
  handlePlaceBits,
  methodKind,
  traceLayout,
} from "./event-layout";
import { Inflater } from "./inflate";
import { LinkEvents } from "./link-events";
import { type Native, native, type WireHandle, type WireLimits } from "./native";
import { WireCall } from "./wire-call";
import type { InferArrival, InferHandler, WireInferCall } from "./wire-infer-call";
import { WireLink, type WireLinkListener } from "./wire-link";

/** PEM of a server with TLS. */
export interface WireTls {
  /** The chain, the own certificate first. */
  readonly certificate: Buffer;
  readonly key: Buffer;
  /** Authorities one of which has to vouch for each client; null: clients need no certificate. */
  readonly clientCa: Buffer | null;
}

/** Memory of one connection without a call, as measured: socket, session, header tables. */
const CONNECTION_BYTES = 8 * 1024;
const TRACEPARENT = "traceparent";
/** The bits of a call's handle that are its place. */
const PLACE_MASK = 2 ** handlePlaceBits - 1;

/** Serves a method with one request message. */
export type UnaryHandler<Caller = unknown> = (message: Buffer, call: WireCall<Caller>) => void;
/** Serves a method with any number of messages; sets the call's listener. */
export type StreamHandler<Caller = unknown> = (call: WireCall<Caller>) => void;

/**
 * A gRPC server in native code, on the thread that made it. Sockets are read together, and JavaScript is
 * called once for all that came. `Caller` is what its guard says of who calls.
 */
export class Wire<Caller extends WireCaller = WireCaller> implements CallHost {
  readonly addon: Native = native();
  readonly handle: WireHandle;
  readonly inflater: Inflater;
  private readonly numbers = new Float64Array(eventsMax * eventLayout.stride);
  private readonly scratch = Buffer.alloc(traceLayout.bytes);
  private readonly unaryHandlers: (UnaryHandler<Caller> | undefined)[] = [];
  private readonly streamHandlers: (StreamHandler<Caller> | undefined)[] = [];
  private readonly unaryByPath = new Map<string, UnaryHandler<Caller>>();
  private readonly paths: string[] = [];
  private inferUnary: UnaryHandler<Caller> = refuseAll;
  private inferHandler: InferHandler<unknown, Caller> | null = null;
  private readonly arrival: InferArrival<Caller> = {
    deadlineMs: -1,
    byteLength: 0,
    caller: undefined as unknown as Caller,
    traceparent: undefined,
  };
  /** What was read of the heads that the add-on remembers. */
  private readonly heads: unknown[] = [];
  /** Open calls by their place. */
  private readonly calls: (WireCall<Caller> | WireInferCall | undefined)[] = [];
  private readonly links: LinkEvents;
  private readonly admissions: Admissions<Caller>;
  /** Hears at most every ten seconds how many TLS handshakes failed, and of which client and how the first did. */
  handshakesFailed: (count: number, first: string) => void = ignore;
  private open = 0;

  /** Throws an Error that says why when the add-on cannot run in this process; see `probeWire`. */
  constructor(limits: WireLimits) {
    this.inflater = new Inflater(limits);
    this.handle = this.addon.open(limits, this.numbers, this.scratch, (count) => this.receive(count));
    this.links = new LinkEvents(this, this.numbers);
    this.admissions = new Admissions(this);
  }

  /**
   * Speaks TLS with those who connect from now on, by Node's own settings: its ciphers, TLS 1.2 or later, HTTP/2 by ALPN.
   * Returns why it cannot, and stays as it was then.
   */
  secure({ certificate, key, clientCa }: WireTls): string | null {
    const tls13Only = DEFAULT_MIN_VERSION === "TLSv1.3";
    const { addon, handle } = this;
    return addon.secure(handle, { certificate, key, clientCa, ciphers: DEFAULT_CIPHERS, tls13Only }) ?? null;
  }

  /** Lets `guard` say who makes each call, and whether it may be made. Set it before listening. */
  guard(guard: WireGuard<Caller>): void {
    this.admissions.guard = guard;
    this.addon.guard(this.handle, guard.tokens);
  }

  /** The guard is asked again about everybody, from the next call on. */
  askAnew(): void {
    this.addon.askAnew(this.handle);
  }

  unary(path: string, handler: UnaryHandler<Caller>): void {
    this.unaryByPath.set(path, handler);
    this.unaryHandlers[this.method(path, methodKind.unary)] = handler;
  }

  stream(path: string, handler: StreamHandler<Caller>): void {
    this.streamHandlers[this.method(path, methodKind.stream)] = handler;
  }

  /**
   * Serves ModelInfer under `path` with messages outside of JavaScript; its unary handler, which must be there already,
   * serves what is out of the ordinary: calls with metadata besides a trace, packed messages, large or broken heads.
   */
  infer<Head>(path: string, handler: InferHandler<Head, Caller>): void {
    const method = this.method(path, methodKind.infer);
    this.inferUnary = this.unaryByPath.get(path) ?? refuseAll;
    this.unaryHandlers[method] = this.inferUnary;
    this.inferHandler = handler as InferHandler<unknown, Caller>;
  }

  /**
   * Opens a link to an executor at an IP address; a string says why there is none. `credential` is presented first, null =
   * nothing: an executor that asks for one cuts off whoever has none.
   */
  link(ip: string, port: number, credential: string | null, listener: WireLinkListener): WireLink | string {
    const number = this.addon.linkOpen(this.handle, ip, port, credential ?? "");
    if (typeof number === "string") return number;
    this.links.listen(number, listener);
    return new WireLink(this, this.scratch, number, (closed) => this.links.forget(closed));
  }

  /** The number that links know a variant by. Names are kept for good: ask once for each. */
  variant(name: string): number {
    return this.addon.variant(this.handle, name);
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

  /** Bytes of requests that were received and have not been let go. */
  get heldBytes(): number {
    return this.addon.heldBytes(this.handle);
  }

  /** What its open connections take beside that: sockets, sessions and their tables. */
  get connectionBytes(): number {
    return this.connections * CONNECTION_BYTES;
  }

  /** What limits turned away since the start: connections, calls for their bytes, calls for their time. */
  get refused(): { readonly connections: number; readonly bytes: number; readonly time: number } {
    const { bytes, ...counts } = this.addon.refused(this.handle);
    return { ...counts, bytes: bytes + this.inflater.refused };
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
    this.calls[id & PLACE_MASK] = undefined;
    this.open--;
  }

  private method(path: string, kind: number): number {
    const number = this.addon.method(this.handle, path, kind);
    this.paths[number] = path;
    return number;
  }

  private receive(count: number): void {
    for (let i = 0; i < count; i++) this.dispatch(i, i * eventLayout.stride);
    this.admissions.turn(count);
  }

  private dispatch(place: number, at: number): void {
    const { numbers } = this;
    const id = numbers[at + eventLayout.subject]!;
    const kind = numbers[at + eventLayout.kind]!;
    if (kind <= eventKind.drained && this.admissions.isRefused(id)) {
      // Its head is remembered all the same, and the next call that has the same is not told of it.
      if (kind === eventKind.infer) this.headOf(at);
      return;
    }
    switch (kind) {
      case eventKind.infer:
        this.startInfer(id, at);
        return;
      case eventKind.answer:
        this.links.answered(id, place, at);
        return;
      case eventKind.unary:
        this.startUnary(
          this.unaryHandlers[numbers[at + eventLayout.method]!] ?? refuseAll,
          id,
          at,
          numbers[at + eventLayout.encoding]!,
        );
        return;
      case eventKind.opened:
        this.streamHandlers[numbers[at + eventLayout.method]!]?.(this.start(id, at));
        return;
      case eventKind.message:
        this.streamed(id)?.arrived(numbers[at + eventLayout.encoding]!);
        return;
      case eventKind.halfClosed:
        this.streamed(id)?.halfClosed();
        return;
      case eventKind.drained:
        this.streamed(id)?.drained();
        return;
      case eventKind.cancelled:
        this.calls[id & PLACE_MASK]?.cancelled();
        return;
      case eventKind.asked:
        this.admissions.asked(
          id,
          numbers[at + eventLayout.credential]!,
          this.paths[numbers[at + eventLayout.method]!]!,
        );
        return;
      case eventKind.forgotten:
        this.admissions.forgotten(id);
        return;
      case eventKind.handshakesFailed:
        this.handshakesFailed(
          numbers[at + eventLayout.count]!,
          String(this.addon.eventBytes(this.handle, place)),
        );
        return;
      default:
        this.links.told(id, place, at);
    }
  }

  private streamed(id: number): WireCall<Caller> | undefined {
    return this.calls[id & PLACE_MASK] as WireCall<Caller> | undefined;
  }

  private startInfer(id: number, at: number): void {
    const { numbers, arrival } = this;
    const handler = this.inferHandler as InferHandler<unknown, Caller>;
    const head = this.headOf(at);
    this.open++;
    arrival.deadlineMs = numbers[at + eventLayout.deadlineMs]!;
    arrival.byteLength = numbers[at + eventLayout.bytes]!;
    arrival.caller = this.callerOf(at);
    arrival.traceparent = numbers[at + eventLayout.traced] === 1 ? this.traceparentOf(id) : undefined;
    const call = handler.start(id, head, arrival);
    if (call === null) {
      this.open--;
      this.startUnary(this.inferUnary, id, at, encoding.identity);
    } else if (!call.over) {
      this.calls[id & PLACE_MASK] = call;
    }
  }

  /** What was read of a request's head; equal ones are read once. */
  private headOf(at: number): unknown {
    const { numbers, heads } = this;
    const handler = this.inferHandler as InferHandler<unknown, Caller>;
    const number = numbers[at + eventLayout.head]!;
    if (numbers[at + eventLayout.fresh] === 1) {
      heads[number] = handler.readHead(this.addon.head(this.handle, number) as Buffer);
    }
    return heads[number];
  }

  private traceparentOf(id: number): string | undefined {
    const pairs = this.addon.metadata(this.handle, id);
    for (let i = 0; i < pairs.length; i += 2) if (pairs[i] === TRACEPARENT) return pairs[i + 1];
    return undefined;
  }

  /** Without a guard nobody is known, and `Caller` says nothing. */
  private callerOf(at: number): Caller {
    return this.admissions.callerOf(this.numbers[at + eventLayout.credential]!) as Caller;
  }

  private start(id: number, at: number): WireCall<Caller> {
    const deadlineMs = this.numbers[at + eventLayout.deadlineMs]!;
    const call = new WireCall(this, id, deadlineMs < 0 ? null : deadlineMs, this.callerOf(at));
    this.calls[id & PLACE_MASK] = call;
    this.open++;
    return call;
  }

  private startUnary(handler: UnaryHandler<Caller>, id: number, at: number, how: number): void {
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
    call.arrived(how);
  }
}

const UNIMPLEMENTED = 12;

function refuseAll(_: Buffer, call: WireCall): void {
  call.finish(UNIMPLEMENTED, "nothing serves this method", []);
}

function ignore(): void {}
