import type { Http2Session } from "node:http2";

/**
 * Bytes that a server holds of its callers' requests, shared as on the native ingress (decision 0029): an
 * address may hold as much as is left free by all, and each of its connections as much as is left of that.
 */
export class HeldBytes {
  total = 0;
  private readonly byAddress = new Map<string, number>();
  private readonly bySession = new WeakMap<Http2Session, HeldShare>();

  constructor(readonly max: number) {}

  /** The share of one connection, kept while it lives. */
  of(session: Http2Session): HeldShare {
    const known = this.bySession.get(session);
    if (known !== undefined) return known;
    const share = new HeldShare(this, session.socket?.remoteAddress ?? "");
    this.bySession.set(session, share);
    return share;
  }

  ofAddress(address: string): number {
    return this.byAddress.get(address) ?? 0;
  }

  /** Called by shares; fewer than nothing gives back. */
  add(address: string, bytes: number): void {
    this.total += bytes;
    const held = this.ofAddress(address) + bytes;
    if (held === 0) this.byAddress.delete(address);
    else this.byAddress.set(address, held);
  }
}

/** What one connection holds. */
export class HeldShare {
  private bytes = 0;

  constructor(
    private readonly all: HeldBytes,
    private readonly address: string,
  ) {}

  add(bytes: number): void {
    this.bytes += bytes;
    this.all.add(this.address, bytes);
  }

  /** Whether more is held than may be. */
  get isOver(): boolean {
    const { total, max } = this.all;
    // What was added last is in each of the three.
    return total + this.all.ofAddress(this.address) + this.bytes > max;
  }

  /** What a call is told that is refused for it. */
  get sentence(): string {
    const { total, max } = this.all;
    return `this connection holds ${this.bytes} bytes, its caller ${this.all.ofAddress(this.address)}, all callers ${total} of ${max}; no more may be held for it now, try again later`;
  }
}
