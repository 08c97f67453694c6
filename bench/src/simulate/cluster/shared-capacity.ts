import type { Clock, Timer } from "@infaas/runtime";

/** Work under way. */
interface Job {
  readonly alonesMs: number;
  /** What it takes of the capacity where there is enough. */
  readonly wants: number;
  /** Time that it still takes where there is enough, ms. */
  leftMs: number;
  readonly done: () => void;
}

/**
 * Cores, or the bandwidth of a disk, that jobs share as the operating system shares them: each gets what it wants while all do,
 * and all are slowed by the same factor where together they want more than there is.
 */
export class SharedCapacity {
  private readonly jobs = new Set<Job>();
  private wanted = 0;
  private seenMs: number;
  private used = 0;
  private timer: Timer | null = null;

  constructor(
    private readonly clock: Clock,
    readonly capacity: number,
  ) {
    this.seenMs = clock.nowMs();
  }

  /** Capacity times milliseconds used so far. */
  get usedMs(): number {
    this.pass();
    return this.used;
  }

  /** Of that, what went into jobs that have not ended. */
  get unfinishedMs(): number {
    this.pass();
    let sum = 0;
    for (const { wants, alonesMs, leftMs } of this.jobs) sum += wants * (alonesMs - leftMs);
    return sum;
  }

  /** Begins a job that takes `alonesMs` where there is enough, and calls `done` at its end; returns what gives it up. */
  begin(wants: number, alonesMs: number, done: () => void): () => void {
    this.pass();
    const job: Job = { alonesMs, wants, leftMs: alonesMs, done };
    this.jobs.add(job);
    this.wanted += wants;
    this.schedule();
    return () => {
      this.pass();
      if (this.end(job)) this.schedule();
    };
  }

  private get speed(): number {
    return this.wanted <= this.capacity ? 1 : this.capacity / this.wanted;
  }

  private pass(): void {
    const nowMs = this.clock.nowMs();
    const doneMs = (nowMs - this.seenMs) * this.speed;
    this.seenMs = nowMs;
    if (doneMs === 0) return;
    for (const job of this.jobs) job.leftMs -= doneMs;
    this.used += doneMs * this.wanted;
  }

  private end(job: Job): boolean {
    if (!this.jobs.delete(job)) return false;
    // Sums of parts of a core would drift from zero.
    this.wanted = this.jobs.size === 0 ? 0 : this.wanted - job.wants;
    return true;
  }

  private schedule(): void {
    this.timer?.cancel();
    this.timer = null;
    let first: Job | null = null;
    for (const job of this.jobs) if (first === null || job.leftMs < first.leftMs) first = job;
    if (first === null) return;
    const next = first;
    this.timer = this.clock.setTimer(Math.max(0, next.leftMs / this.speed), () => {
      this.pass();
      this.end(next);
      this.schedule();
      next.done();
    });
  }
}
