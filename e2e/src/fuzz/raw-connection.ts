import { connect, type Socket } from "node:net";
import { addressOf } from "@infaas/runtime";
import { readHeaders } from "./header-reader";
import {
  frame,
  frameFlag,
  frameHeadBytes,
  frameType,
  preface,
  settingsFrame,
  windowFrame,
} from "./http2-frames";

/** How one call ended. */
export interface RawOutcome {
  /** gRPC status; null when the stream or its connection ended without one. */
  readonly code: number | null;
  readonly message: string;
  /** The answers' messages. */
  readonly answers: readonly Buffer[];
}

/** A call as it is put on the wire; everything but `data` is sent at once. */
export interface RawCall {
  /** Frames that open the stream, made for its number. */
  readonly open: (stream: number) => readonly Buffer[];
  /** What goes into DATA frames of at most `frameBytes`, as the peer's windows allow. */
  readonly data: Buffer;
  readonly frameBytes: number;
  /** Bytes of padding around each. */
  readonly padBytes: number;
  /** Frames that follow the data; without any, the last DATA frame ends the stream. */
  readonly close: ((stream: number) => readonly Buffer[]) | null;
}

/** Settings this client tells: no header table (1), no push (2), and answers never wait for a window (4). */
const ownSettings = settingsFrame({ 1: 0, 2: 0, 4: 0x7fff_ffff });
const windowBytes = 0x4000_0000;
const defaultWindow = 65_535;
/** Longest wait for a call to end; beyond it the server hangs. */
const hangMs = 20_000;
const hangCheckMs = 1_000;
/** Error code of RST_STREAM for a call that is given up (RFC 9113, section 7). */
const cancelled = Buffer.from([0, 0, 0, 8]);
/** Bytes of a request that hangs which are shown. */
const shownBytes = 400;

interface Flight {
  readonly call: RawCall;
  readonly startedMs: number;
  readonly resolve: (outcome: RawOutcome) => void;
  readonly reject: (error: Error) => void;
  readonly chunks: Buffer[];
  sent: number;
  window: number;
  code: number | null;
  message: string;
}

/** A cheap HTTP/2 client that sends any frames; many calls at a time on one connection. */
export class RawConnection {
  private readonly socket: Socket;
  private readonly flights = new Map<number, Flight>();
  private readonly hangCheck: NodeJS.Timeout;
  private nextStream = 1;
  private unsent: Buffer[] = [];
  private unread: Buffer = Buffer.alloc(0);
  private window = defaultWindow;
  private streamWindow = defaultWindow;
  private unrefreshed = 0;
  private headers: { stream: number; ends: boolean; parts: Buffer[] } | null = null;
  private greeted = false;
  private goneAway = false;
  private leaving = false;
  private over = false;

  constructor(address: string) {
    this.socket = connect({ ...addressOf(address), noDelay: true });
    this.socket.on("data", (bytes) => this.read(bytes));
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => this.ended());
    this.socket.write(Buffer.concat([preface, ownSettings, windowFrame(0, windowBytes)]));
    this.hangCheck = setInterval(() => this.rejectHanging(), hangCheckMs);
  }

  /** False once the server has said that it takes no more, or is gone. */
  get usable(): boolean {
    return !this.goneAway && !this.leaving && !this.over;
  }

  /** Calls made so far. */
  get calls(): number {
    return (this.nextStream - 1) / 2;
  }

  /** Resolves with how it ended; rejects when the server does not answer in time. */
  call(call: RawCall): Promise<RawOutcome> {
    return new Promise((resolve, reject) => {
      const stream = this.nextStream;
      this.nextStream += 2;
      this.send(...call.open(stream));
      const flight = {
        ...{
          call,
          resolve,
          reject,
          chunks: [],
          sent: -1,
          window: this.streamWindow,
          code: null,
          message: "",
        },
        startedMs: performance.now(),
      };
      this.flights.set(stream, flight);
      this.sendData(stream, flight);
    });
  }

  /** Opens a call, sends so many bytes of its data as one frame and gives it up. */
  abandon(call: RawCall, dataBytes: number): void {
    const stream = this.nextStream;
    this.nextStream += 2;
    const count = Math.max(0, Math.min(dataBytes, call.frameBytes, this.window, this.streamWindow));
    this.window -= count;
    const data = frame(frameType.data, 0, stream, call.data.subarray(0, count));
    this.send(...call.open(stream), data, frame(frameType.reset, 0, stream, cancelled));
  }

  /** Leaves once every call has ended. */
  close(): void {
    this.leaving = true;
    if (this.flights.size === 0) this.socket.destroy();
  }

  /**
   * All that is sent in one turn leaves as one write, and nothing before the server has said how large frames
   * may be.
   */
  private send(...frames: readonly Buffer[]): void {
    if (this.over) return;
    if (this.unsent.length === 0 && this.greeted) setImmediate(() => this.flush());
    this.unsent.push(...frames);
  }

  private flush(): void {
    if (this.unsent.length === 0) return;
    const bytes = this.unsent.length === 1 ? this.unsent[0]! : Buffer.concat(this.unsent);
    this.unsent = [];
    if (!this.over) this.socket.write(bytes);
  }

  /**
   * `sent` is -1 until the first DATA frame, which also an empty body has, and beyond the data once all is
   * said.
   */
  private sendData(stream: number, flight: Flight): void {
    const { call } = flight;
    const { data, close } = call;
    if (flight.sent < 0 && data.length === 0 && close === null) {
      flight.sent = 0;
      this.send(frame(frameType.data, frameFlag.endStream, stream, data));
      return;
    }
    if (flight.sent < 0) {
      flight.sent = 0;
      if (data.length === 0) this.send(...(close?.(stream) ?? []));
    }
    while (flight.sent < data.length) {
      const room = Math.min(this.window, flight.window) - (call.padBytes === 0 ? 0 : call.padBytes + 1);
      const count = Math.min(call.frameBytes, data.length - flight.sent, room);
      if (count <= 0) return;
      const isLast = flight.sent + count === data.length;
      const end = isLast && close === null ? frameFlag.endStream : 0;
      const payload = data.subarray(flight.sent, flight.sent + count);
      const sent = dataFrame(stream, end, payload, call.padBytes);
      this.send(sent);
      flight.sent += count;
      this.window -= sent.length - frameHeadBytes;
      flight.window -= sent.length - frameHeadBytes;
      if (isLast && close !== null) this.send(...close(stream));
    }
  }

  private read(bytes: Buffer): void {
    let all = this.unread.length === 0 ? bytes : Buffer.concat([this.unread, bytes]);
    while (all.length >= frameHeadBytes) {
      const length = all.readUIntBE(0, 3);
      if (all.length < frameHeadBytes + length) break;
      const payload = all.subarray(frameHeadBytes, frameHeadBytes + length);
      this.take(all[3]!, all[4]!, all.readUInt32BE(5) & 0x7fff_ffff, payload);
      all = all.subarray(frameHeadBytes + length);
    }
    this.unread = all;
  }

  private take(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case frameType.data:
        this.received(stream, payload, (flags & frameFlag.endStream) !== 0);
        break;
      case frameType.headers:
        this.headers = { stream, ends: (flags & frameFlag.endStream) !== 0, parts: [payload] };
        if ((flags & frameFlag.endHeaders) !== 0) this.headersDone();
        break;
      case frameType.continuation:
        this.headers?.parts.push(payload);
        if ((flags & frameFlag.endHeaders) !== 0) this.headersDone();
        break;
      case frameType.reset:
        this.finish(stream);
        break;
      case frameType.settings:
        if ((flags & frameFlag.ack) === 0) this.settle(payload);
        break;
      case frameType.ping:
        if ((flags & frameFlag.ack) === 0) this.send(frame(frameType.ping, frameFlag.ack, 0, payload));
        break;
      case frameType.goAway:
        this.goneAway = true;
        break;
      case frameType.windowUpdate:
        this.widen(stream, payload.readUInt32BE(0));
    }
  }

  private received(stream: number, payload: Buffer, ends: boolean): void {
    // A copy: the memory that came from the socket is larger, and answers are kept until their call has
    // ended.
    this.flights.get(stream)?.chunks.push(Buffer.from(payload));
    this.unrefreshed += payload.length;
    if (this.unrefreshed >= windowBytes / 2) {
      this.send(windowFrame(0, this.unrefreshed));
      this.unrefreshed = 0;
    }
    if (ends) this.finish(stream);
  }

  private headersDone(): void {
    const { stream, ends, parts } = this.headers!;
    this.headers = null;
    const flight = this.flights.get(stream);
    if (flight === undefined) return;
    const fields = readHeaders(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
    const status = fields.get("grpc-status");
    if (status !== undefined) flight.code = Number(status);
    flight.message = decodeURIComponent(fields.get("grpc-message") ?? flight.message);
    if (ends) this.finish(stream);
  }

  private settle(payload: Buffer): void {
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) !== 4) continue;
      const size = payload.readUInt32BE(at + 2);
      for (const flight of this.flights.values()) flight.window += size - this.streamWindow;
      this.streamWindow = size;
    }
    this.unsent.unshift(frame(frameType.settings, frameFlag.ack, 0, Buffer.alloc(0)));
    this.greeted = true;
    this.flush();
    this.sendWaiting();
  }

  private widen(stream: number, bytes: number): void {
    if (stream === 0) this.window += bytes;
    const flight = this.flights.get(stream);
    if (flight !== undefined) flight.window += bytes;
    this.sendWaiting();
  }

  private sendWaiting(): void {
    for (const [stream, flight] of this.flights)
      if (flight.sent < flight.call.data.length) this.sendData(stream, flight);
  }

  private finish(stream: number): void {
    const flight = this.flights.get(stream);
    if (flight === undefined) return;
    this.flights.delete(stream);
    const { code, message, chunks } = flight;
    flight.resolve({
      code,
      message,
      answers: messagesIn(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)),
    });
    if (this.leaving && this.flights.size === 0) this.socket.destroy();
  }

  private ended(): void {
    this.over = true;
    clearInterval(this.hangCheck);
    for (const stream of [...this.flights.keys()]) this.finish(stream);
  }

  private rejectHanging(): void {
    const nowMs = performance.now();
    for (const [stream, flight] of this.flights) {
      if (nowMs - flight.startedMs < hangMs) continue;
      this.flights.delete(stream);
      const shown = flight.call.data.subarray(0, shownBytes).toString("hex");
      const { sent, window } = flight;
      const state = `${sent} of ${flight.call.data.length} bytes sent, windows ${window} and ${this.window}`;
      flight.reject(new Error(`not answered within ${hangMs} ms, ${state}: ${shown}`));
    }
  }
}

function dataFrame(stream: number, flags: number, payload: Buffer, padBytes: number): Buffer {
  if (padBytes === 0) return frame(frameType.data, flags, stream, payload);
  const bytes = Buffer.concat([Buffer.from([padBytes]), payload, Buffer.alloc(padBytes)]);
  return frame(frameType.data, flags | frameFlag.padded, stream, bytes);
}

function messagesIn(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return messages;
}
