import type { Clock, Timer } from "@infaas/runtime";
import type { Lease } from "./store";

interface RunningLease {
  readonly lease: Lease;
  deadlineMs: number;
  timer: Timer;
}

/** How often the clock is looked at while leases run, to notice that this process was paused. */
const LOOK_PERIOD_MS = 250;
/** A look that is late by less is no pause. */
const PAUSE_MIN_MS = 250;

/**
 * The running leases of a local store; calls `due` when one has not been renewed for its whole life. Time in
 * which this process was paused does not count: its holders could not renew theirs.
 */
export class LeaseTable {
  private readonly running = new Map<string, RunningLease>();
  private lookedMs = 0;
  private look: Timer | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly due: (leaseId: string) => void,
  ) {}

  start(lease: Lease): void {
    if (this.look === null) this.watchClock();
    const deadlineMs = this.clock.nowMs() + lease.ttlMs;
    this.running.set(lease.id, { lease, deadlineMs, timer: this.arm(lease.id, lease.ttlMs) });
  }

  has(leaseId: string): boolean {
    return this.running.has(leaseId);
  }

  /** The lease with its full life again, or null when it is not running. */
  renew(leaseId: string): Lease | null {
    const running = this.running.get(leaseId);
    if (running === undefined) return null;
    running.timer.cancel();
    this.start(running.lease);
    return running.lease;
  }

  /** True when the lease is running but past its life. */
  isDue(leaseId: string): boolean {
    const running = this.running.get(leaseId);
    return running !== undefined && this.clock.nowMs() >= running.deadlineMs;
  }

  stop(leaseId: string): void {
    this.running.get(leaseId)?.timer.cancel();
    this.running.delete(leaseId);
  }

  close(): void {
    for (const { timer } of this.running.values()) timer.cancel();
    this.running.clear();
    this.look?.cancel();
    this.look = null;
  }

  private watchClock(): void {
    this.lookedMs = this.clock.nowMs();
    this.look = this.clock.setTimer(LOOK_PERIOD_MS, () => {
      this.forgivePause();
      this.look = null;
      if (this.running.size > 0) this.watchClock();
    });
  }

  /** Prolongs every lease by the length of a pause of this process since the last look. */
  private forgivePause(): void {
    const nowMs = this.clock.nowMs();
    const lateMs = nowMs - this.lookedMs - LOOK_PERIOD_MS;
    this.lookedMs = nowMs;
    if (lateMs < PAUSE_MIN_MS) return;
    for (const running of this.running.values()) running.deadlineMs += lateMs;
  }

  /**
   * A timer of a busy process may fire early: it counts from when the event loop last looked at the clock.
   */
  private arm(leaseId: string, delayMs: number): Timer {
    return this.clock.setTimer(delayMs, () => {
      const running = this.running.get(leaseId);
      if (running === undefined) return;
      this.forgivePause();
      const leftMs = running.deadlineMs - this.clock.nowMs();
      if (leftMs > 0) running.timer = this.arm(leaseId, leftMs);
      else this.due(leaseId);
    });
  }
}
