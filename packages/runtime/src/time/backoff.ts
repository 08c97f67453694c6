/** Exponential backoff: how long to wait before something that failed is tried again. */

/** Shape of a backoff. */
export interface BackoffOptions {
  /** Pause after the first failure, ms, above 0; doubles with each further one. */
  readonly firstMs: number;
  /** Longest pause, ms. */
  readonly maxMs: number;
  /** Source of jitter, uniform in [0, 1): each pause is shortened by up to half of it. Default: none. */
  readonly jitter?: { next(): number };
}

/** Returns the pause in ms after so many failures in a row before the last one, 0 for the first. */
export function backoffMs({ firstMs, maxMs, jitter }: BackoffOptions, failuresBefore: number): number {
  const pauseMs = Math.min(maxMs, firstMs * 2 ** failuresBefore);
  return jitter === undefined ? pauseMs : pauseMs * (0.5 + jitter.next() / 2);
}

/** A backoff that counts the failures itself. */
export class Backoff {
  private count = 0;

  constructor(private readonly o: BackoffOptions) {}

  /** Failures since the last success. */
  get failures(): number {
    return this.count;
  }

  /** Counts a failure and returns the pause in ms before the next attempt. */
  failed(): number {
    return backoffMs(this.o, this.count++);
  }

  /** Forgets the failures. */
  succeeded(): void {
    this.count = 0;
  }
}
