import type { WatchResponse } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";

/** Changes one watcher may be behind before it is dropped: seconds of the busiest registration. */
export const WATCH_QUEUE_MAX_MESSAGES = 1024;

/**
 * What one watcher has still to be told. Bounded: a watcher that does not read is dropped, and watches again.
 */
export class WatchQueue implements AsyncIterable<WatchResponse> {
  private waiting: WatchResponse[] = [];
  private wake: (() => void) | null = null;
  private end: ServiceError | "closed" | null = null;

  /** Adds a change; drops the watcher with RESOURCE_EXHAUSTED when it is too far behind. */
  push(message: WatchResponse): void {
    if (this.end !== null) return;
    if (this.waiting.length >= WATCH_QUEUE_MAX_MESSAGES) {
      const behind = `watcher is ${this.waiting.length} changes behind, ${WATCH_QUEUE_MAX_MESSAGES} allowed; watch again`;
      this.waiting = [];
      this.fail(new ServiceError(Code.RESOURCE_EXHAUSTED, behind));
      return;
    }
    this.waiting.push(message);
    this.wake?.();
  }

  /** Replaces everything waiting by a snapshot, whatever its length: its records are shared, not copied. */
  restart(snapshot: readonly WatchResponse[]): void {
    this.waiting = [...snapshot];
    this.wake?.();
  }

  fail(error: ServiceError): void {
    this.end ??= error;
    this.wake?.();
  }

  close(): void {
    this.end ??= "closed";
    this.wake?.();
  }

  get dropped(): boolean {
    return this.end instanceof ServiceError;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WatchResponse> {
    for (;;) {
      const message = this.waiting.shift();
      if (message !== undefined) yield message;
      else if (this.end instanceof ServiceError) throw this.end;
      else if (this.end === "closed") return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }
}
