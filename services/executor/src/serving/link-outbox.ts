import { encodeFrame, linkMessage, type OutgoingFrame } from "@infaas/api";
import type { Clock, GatherMessage } from "@infaas/runtime";
import type { LinkStream } from "./link-stream";

/**
 * Size above which a message is sent at once and takes no more frames: joining pays for small ones only. No
 * message exceeds this by more than one frame, however many wait for a slow peer.
 */
const LARGE_BYTES = 65_536;

/** Frames that are sent as one message. */
interface Message {
  readonly parts: Uint8Array[];
  readonly releases: (() => void)[];
  bytes: number;
  frames: number;
}

/**
 * The send queue of one link. Small frames of one turn of the event loop are sent as one message. While the
 * stream is blocked, frames wait here; `pending` counts them, and the link bounds it.
 */
export class LinkOutbox {
  private messages: Message[] = [];
  /** Memory of messages that the stream has not copied yet; on a broken stream it never is. */
  private readonly uncopied = new Set<Lease>();
  private waiting = 0;
  private scheduled = false;
  private blocked = false;
  private closed = false;

  constructor(
    private readonly stream: LinkStream,
    private readonly clock: Pick<Clock, "soon">,
  ) {}

  /** Sends a message without frames, which tells the frontend that it is served. */
  greet(): void {
    this.stream.write(linkMessage([]));
  }

  /** Frames not yet handed to the stream. */
  get pending(): number {
    return this.waiting;
  }

  /** Adds a frame; `release` is called when its bytes have been copied or are dropped. */
  push(frame: OutgoingFrame, release: (() => void) | null): void {
    if (this.closed) {
      release?.();
      return;
    }
    const message = this.open();
    for (const part of encodeFrame(frame)) {
      message.parts.push(part);
      message.bytes += part.byteLength;
    }
    if (release !== null) message.releases.push(release);
    message.frames += 1;
    this.waiting += 1;
    if (this.blocked) return;
    if (message.bytes > LARGE_BYTES) this.flush();
    else this.schedule();
  }

  /** To be called when the stream takes more. */
  drained(): void {
    this.blocked = false;
    this.flush();
  }

  /** Writes waiting messages until the stream is blocked. */
  flush(): void {
    this.scheduled = false;
    while (!this.closed && !this.blocked && this.messages.length > 0) this.handOver();
  }

  /** Writes all waiting messages, blocked or not: the stream is about to end and sends them first. */
  finish(): void {
    while (!this.closed && this.messages.length > 0) this.handOver();
  }

  /** Drops waiting frames and releases their memory. */
  close(): void {
    this.closed = true;
    for (const { releases } of this.messages) for (const release of releases) release();
    this.messages = [];
    this.waiting = 0;
    for (const lease of this.uncopied) lease.release();
    this.uncopied.clear();
  }

  /** The message that the next frame joins. */
  private open(): Message {
    const last = this.messages.at(-1);
    if (last !== undefined && last.bytes <= LARGE_BYTES) return last;
    const message = { parts: [], releases: [], bytes: 0, frames: 0 };
    this.messages.push(message);
    return message;
  }

  private handOver(): void {
    const message = this.messages.shift();
    if (message === undefined) return;
    this.waiting -= message.frames;
    this.blocked = !this.stream.write(this.leased(linkMessage(message.parts), message.releases));
  }

  /** The same message; its memory is released when the stream has copied it. */
  private leased(message: GatherMessage, releases: readonly (() => void)[]): GatherMessage {
    if (releases.length === 0) return message;
    const lease = new Lease(releases);
    this.uncopied.add(lease);
    return {
      length: message.length,
      byteLength: message.byteLength,
      copy: (target, offset) => {
        const copied = message.copy(target, offset);
        this.uncopied.delete(lease);
        lease.release();
        return copied;
      },
    };
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.clock.soon(() => this.flush());
  }
}

/** Releases of the memory of one message, called once. */
class Lease {
  constructor(private releases: readonly (() => void)[]) {}

  release(): void {
    const { releases } = this;
    this.releases = [];
    for (const release of releases) release();
  }
}
