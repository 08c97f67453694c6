import { encodeFrame, linkMessage, type OutgoingFrame } from "@infaas/api";
import type { GatherMessage } from "@infaas/runtime";
import type { LinkStream } from "./link-stream";

/**
 * A message that has grown above this leaves at once and takes no more frames: coalescing pays for small ones only, and
 * however much waits for a slow peer, no message exceeds this by more than one frame.
 */
const LARGE_BYTES = 65_536;

/** Frames that leave as one message. */
interface Message {
  readonly parts: Uint8Array[];
  readonly releases: (() => void)[];
  bytes: number;
  frames: number;
}

/**
 * Frames on their way out of one link. Small frames of one turn of the event loop leave as one message. While the
 * stream asks to wait, frames are kept here; `pending` says how many, and whoever accepts work bounds it.
 */
export class LinkOutbox {
  private messages: Message[] = [];
  /** Messages the stream has and has not copied yet; it never will when it breaks. */
  private readonly uncopied = new Set<Lease>();
  private waiting = 0;
  private scheduled = false;
  private blocked = false;
  private closed = false;

  constructor(private readonly stream: LinkStream) {}

  /** Sends a message without frames, so that the other side knows at once that it is served. */
  greet(): void {
    this.stream.write(linkMessage([]));
  }

  /** Frames not yet handed to the stream. */
  get pending(): number {
    return this.waiting;
  }

  /** Adds a frame; `release` is called once its bytes have been copied, or will never be. */
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

  /** The stream takes more. */
  drained(): void {
    this.blocked = false;
    this.flush();
  }

  /** Hands over what is kept, now, as far as the stream takes it. */
  flush(): void {
    this.scheduled = false;
    while (!this.closed && !this.blocked && this.messages.length > 0) this.handOver();
  }

  /** Hands over all that is kept, also to a stream that asks to wait: it is about to be ended, and keeps it till then. */
  finish(): void {
    while (!this.closed && this.messages.length > 0) this.handOver();
  }

  /** Drops what is kept and releases what was lent. */
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

  /** The same message, which gives lent memory back as soon as it has been copied into the stream's own. */
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
    setImmediate(() => this.flush());
  }
}

/** Memory lent for one message; given back once. */
class Lease {
  constructor(private releases: readonly (() => void)[]) {}

  release(): void {
    const { releases } = this;
    this.releases = [];
    for (const release of releases) release();
  }
}
