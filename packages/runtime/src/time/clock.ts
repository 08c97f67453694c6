/** A timer that has been set; cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/**
 * A source of time and timers. Everything that waits or measures is given one, so that tests can replace it.
 */
export interface Clock {
  /** Monotonic milliseconds with fractions; the zero point has no meaning. */
  nowMs(): number;
  /** Milliseconds since 1970, for records and spans; may jump. */
  epochMs(): number;
  /** Calls `fire` once after `delayMs`; keeps the process alive until then. */
  setTimer(delayMs: number, fire: () => void): Timer;
  /**
   * Calls `task` once, when the turn of the event loop that is under way has ended: what many callers of one turn ask for is
   * done once. Tasks are called in the order in which they were handed over. Time need not move.
   */
  soon(task: () => void): void;
}

/** The system's clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
  setTimer: (delayMs, fire) => {
    const handle = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
  soon: (task) => void setImmediate(task),
};

/**
 * Resolves after `delayMs`, or at once when `signal` aborts. Never rejects: the caller looks at the signal.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const wake = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = clock.setTimer(delayMs, wake);
    signal?.addEventListener("abort", wake, { once: true });
  });
}

/**
 * Runs `task` every `periodMs`, first after one period. A run that is still going when the next is due delays
 * it, so runs never overlap; what a run throws goes to `onError` and the next run still comes.
 */
export function every(
  clock: Clock,
  periodMs: number,
  task: () => void | Promise<void>,
  onError: (e: unknown) => void,
): Timer {
  let cancelled = false;
  let timer: Timer;
  const turn = async (): Promise<void> => {
    const startedMs = clock.nowMs();
    try {
      await task();
    } catch (e) {
      onError(e);
    }
    if (!cancelled) schedule(Math.max(0, periodMs - (clock.nowMs() - startedMs)));
  };
  const schedule = (delayMs: number): void => {
    timer = clock.setTimer(delayMs, () => void turn());
  };
  schedule(periodMs);
  return {
    cancel: () => {
      cancelled = true;
      timer.cancel();
    },
  };
}
