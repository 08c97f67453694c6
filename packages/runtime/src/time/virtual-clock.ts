import type { Clock, Timer } from "./clock";
import { nextTurn, settled } from "./next-turn";
import { TimerHeap } from "./timer-heap";

/** Where a virtual clock begins, in milliseconds since 1970: any fixed day will do. */
const epochStartMs = Date.UTC(2026, 0, 1);
const US_PER_MS = 1_000;

/** What a virtual clock does between two timers. */
export interface VirtualClockOptions {
  /** What timers settle is promises alone: nothing waits for a socket, a file or another thread. Default false. */
  readonly promisesOnly?: boolean;
  /** Called after each timer, once what it settled has run; what it throws ends `advance`. */
  readonly afterEach?: () => void;
}

/**
 * A clock that stands still until it is told to advance. It counts whole microseconds, to which delays are rounded; timers
 * fire in order of their due time, those of one time in the order in which they were set. For tests and simulation.
 */
export class VirtualClock implements Clock {
  private elapsedUs = 0;
  private readonly timers = new TimerHeap();

  constructor(private readonly o: VirtualClockOptions = {}) {}

  nowMs(): number {
    return this.elapsedUs / US_PER_MS;
  }

  epochMs(): number {
    return epochStartMs + this.nowMs();
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    // What is left of a sum of times may be less than a microsecond: fired at once it would be armed again, for ever.
    const leastUs = delayMs > 0 ? 1 : 0;
    return this.timers.add(this.elapsedUs + Math.max(leastUs, Math.round(delayMs * US_PER_MS)), fire);
  }

  soon(task: () => void): void {
    queueMicrotask(task);
  }

  /**
   * Moves time forward by `ms`, firing what comes due; promises that a timer settles run before the next
   * timer.
   */
  async advance(ms: number): Promise<void> {
    const endUs = this.elapsedUs + Math.round(ms * US_PER_MS);
    const { promisesOnly = false, afterEach } = this.o;
    const turn = promisesOnly ? settled : nextTurn;
    await turn();
    for (let next = this.timers.takeDue(endUs); next !== null; next = this.timers.takeDue(endUs)) {
      this.elapsedUs = Math.max(this.elapsedUs, next.dueUs);
      next.fire();
      await turn();
      afterEach?.();
    }
    this.elapsedUs = endUs;
  }
}
