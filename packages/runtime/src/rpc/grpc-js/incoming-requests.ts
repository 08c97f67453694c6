import { constants, type ServerHttp2Stream } from "node:http2";
import { Code } from "../../errors";
import type { Clock } from "../../time/clock";
import type { ServerLimits } from "../server-limits";
import { HeldBytes, type HeldShare } from "./held-bytes";

/** Prefix of a gRPC message: a flag and a length of four bytes. */
const PREFIX_BYTES = 5;

/** The limits of incoming requests. */
export type RequestLimits = Pick<ServerLimits, "heldMaxBytes" | "requestMaxMs">;

/**
 * The requests of a grpc-js server. Bytes are counted from the first that comes until the call is over, or of
 * a stream until the message they belong to is whole; calls whose only request does not come whole in time
 * are ended.
 */
export class IncomingRequests {
  openCalls = 0;
  readonly refused = { bytes: 0, time: 0 };
  private readonly arriving = new Set<Arriving>();
  private readonly held: HeldBytes;

  constructor(
    private readonly limits: RequestLimits,
    private readonly clock: Clock,
  ) {
    this.held = new HeldBytes(limits.heldMaxBytes);
  }

  get heldBytes(): number {
    return this.held.total;
  }

  /** Follows one call from its headers on; `streams`: its client may send many messages. */
  follow(stream: ServerHttp2Stream, streams: boolean): void {
    const { session } = stream;
    if (session === undefined) return;
    const share = this.held.of(session);
    const arriving = new Arriving(stream, streams, this.clock.nowMs());
    this.openCalls += 1;
    if (!streams) this.arriving.add(arriving);
    stream.on("data", (chunk: Buffer) => {
      const before = arriving.heldBytes;
      arriving.take(chunk);
      const came = arriving.heldBytes - before;
      share.add(came);
      if (came > 0 && share.isOver) this.refuseBytes(arriving, share);
    });
    stream.once("end", () => this.arriving.delete(arriving));
    stream.once("close", () => {
      this.openCalls -= 1;
      this.arriving.delete(arriving);
      letGo(arriving, share);
    });
  }

  /** Ends calls whose request takes too long to come. */
  sweep(): void {
    const { requestMaxMs } = this.limits;
    const dueMs = this.clock.nowMs() - requestMaxMs;
    for (const arriving of this.arriving) {
      // In the order they came: the rest came later.
      if (arriving.sinceMs > dueMs) return;
      this.arriving.delete(arriving);
      this.refused.time += 1;
      arriving.refuse(Code.DEADLINE_EXCEEDED, `the request did not come whole within ${requestMaxMs} ms`);
    }
  }

  private refuseBytes(arriving: Arriving, share: HeldShare): void {
    this.refused.bytes += 1;
    const { sentence } = share;
    letGo(arriving, share);
    arriving.refuse(Code.RESOURCE_EXHAUSTED, sentence);
  }
}

function letGo(arriving: Arriving, share: HeldShare): void {
  share.add(-arriving.heldBytes);
  arriving.heldBytes = 0;
}

/** One call's request, or requests, on their way in. */
class Arriving {
  heldBytes = 0;
  private prefixGot = 0;
  private length = 0;
  private missing = 0;
  private isRefused = false;

  constructor(
    private readonly stream: ServerHttp2Stream,
    private readonly streams: boolean,
    readonly sinceMs: number,
  ) {}

  take(chunk: Buffer): void {
    if (this.isRefused) return;
    if (this.streams) for (let at = 0; at < chunk.length; ) at += this.advance(chunk, at);
    else this.heldBytes += chunk.length;
  }

  /** Ends the call; what still comes of it is not counted. */
  refuse(code: Code, message: string): void {
    this.isRefused = true;
    const { stream } = this;
    if (stream.closed || stream.destroyed) return;
    if (!stream.headersSent) {
      const status = { "grpc-status": code, "grpc-message": encodeURI(message) };
      stream.respond(
        { ":status": 200, "content-type": "application/grpc+proto", ...status },
        { endStream: true },
      );
    }
    stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** Reads a byte of a prefix or as much of a message as there is; returns how many bytes that were. */
  private advance(chunk: Buffer, at: number): number {
    if (this.missing === 0) {
      this.length = this.prefixGot === 0 ? 0 : this.length * 256 + chunk[at]!;
      this.prefixGot += 1;
      if (this.prefixGot < PREFIX_BYTES) return 1;
      this.prefixGot = 0;
      this.missing = this.length;
      return 1;
    }
    const taken = Math.min(this.missing, chunk.length - at);
    this.missing -= taken;
    this.heldBytes = this.missing === 0 ? 0 : this.heldBytes + taken;
    return taken;
  }
}
