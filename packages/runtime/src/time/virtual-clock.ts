import type { Clock, Timer } from "./clock";
import { nextTurn } from "./next-turn";

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/** Where a virtual clock begins, in milliseconds since 1970: any fixed day will do. */
const epochStartMs = Date.UTC(2026, 0, 1);

/**
 * A clock that stands still until it is told to advance; timers fire in order of their due time. For tests
 * and simulation.
 */
export class VirtualClock implements Clock {
  private elapsedMs = 0;
  private order = 0;
  private readonly pending = new Set<Pending>();

  nowMs(): number {
    return this.elapsedMs;
  }

  epochMs(): number {
    return epochStartMs + this.elapsedMs;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    this.order += 1;
    const entry = { dueMs: this.elapsedMs + Math.max(0, delayMs), order: this.order, fire };
    this.pending.add(entry);
    return { cancel: () => void this.pending.delete(entry) };
  }

  /**
   * Moves time forward by `ms`, firing what comes due; promises that a timer settles run before the next
   * timer.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.elapsedMs + ms;
    await nextTurn();
    for (let next = this.next(endMs); next !== null; next = this.next(endMs)) {
      this.pending.delete(next);
      this.elapsedMs = Math.max(this.elapsedMs, next.dueMs);
      next.fire();
      await nextTurn();
    }
    this.elapsedMs = endMs;
  }

  private next(endMs: number): Pending | null {
    let first: Pending | null = null;
    for (const entry of this.pending) {
      if (entry.dueMs > endMs) continue;
      if (first === null || entry.dueMs < first.dueMs) first = entry;
      else if (entry.dueMs === first.dueMs && entry.order < first.order) first = entry;
    }
    return first;
  }
}
