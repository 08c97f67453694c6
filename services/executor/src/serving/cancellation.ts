import type { CancelSignal } from "../engines/engine-port";

/**
 * A cancel signal with one listener. An AbortController would take a tenth of the main thread's time for a
 * query.
 */
export class Cancellation implements CancelSignal {
  private listener: (() => void) | null = null;
  private cancelled = false;

  get aborted(): boolean {
    return this.cancelled;
  }

  /** Replaces the listener; calls it once, when the query is cancelled. */
  addEventListener(_type: "abort", listener: () => void): void {
    this.listener = listener;
  }

  removeEventListener(_type: "abort", listener: () => void): void {
    if (this.listener === listener) this.listener = null;
  }

  /** Cancels the query; a second time does nothing. */
  abort(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    const { listener } = this;
    this.listener = null;
    listener?.();
  }
}
