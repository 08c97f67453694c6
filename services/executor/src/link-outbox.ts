import { encodeFrame, linkMessage, type OutgoingFrame } from "@infaas/api";
import type { GatherMessage, RawStream } from "@infaas/runtime";

/** Frames with a body above this leave at once, in a message of their own: coalescing pays for small ones only. */
const largeBytes = 65_536;

/**
 * Frames on their way out of one link. Small frames of one turn of the event loop leave as one message. While the
 * stream asks to wait, frames are kept here; `pending` says how many, and whoever accepts work bounds it.
 */
export class LinkOutbox {
  private parts: Uint8Array[] = [];
  private releases: (() => void)[] = [];
  /** Messages the stream has and has not copied yet; it never will when it breaks. */
  private readonly uncopied = new Set<Lease>();
  private waiting = 0;
  private bytes = 0;
  private scheduled = false;
  private blocked = false;
  private closed = false;

  constructor(private readonly stream: RawStream) {}

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
    for (const part of encodeFrame(frame)) {
      this.parts.push(part);
      this.bytes += part.byteLength;
    }
    if (release !== null) this.releases.push(release);
    this.waiting += 1;
    if (this.blocked) return;
    if (this.bytes > largeBytes) this.flush();
    else this.schedule();
  }

  /** The stream takes more. */
  drained(): void {
    this.blocked = false;
    this.flush();
  }

  /** Hands over what is kept, now. */
  flush(): void {
    this.scheduled = false;
    if (this.closed || this.blocked || this.waiting === 0) return;
    const message = this.leased(linkMessage(this.parts));
    this.parts = [];
    this.bytes = 0;
    this.waiting = 0;
    this.blocked = !this.stream.write(message);
  }

  /** Drops what is kept and releases what was lent. */
  close(): void {
    this.closed = true;
    this.parts = [];
    for (const release of this.takeReleases()) release();
    for (const lease of this.uncopied) lease.release();
    this.uncopied.clear();
  }

  /** The same message, which gives lent memory back as soon as it has been copied into the stream's own. */
  private leased(message: GatherMessage): GatherMessage {
    if (this.releases.length === 0) return message;
    const lease = new Lease(this.takeReleases());
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

  private takeReleases(): readonly (() => void)[] {
    const taken = this.releases;
    this.releases = [];
    return taken;
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
