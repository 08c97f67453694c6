import type { Clock, Timer } from "@infaas/runtime";
import type { Lease } from "./store";

interface RunningLease {
  readonly lease: Lease;
  deadlineMs: number;
  timer: Timer;
}

/** The running leases of a local store; calls `due` when one has not been renewed for its whole life. */
export class LeaseTable {
  private readonly running = new Map<string, RunningLease>();

  constructor(
    private readonly clock: Clock,
    private readonly due: (leaseId: string) => void,
  ) {}

  start(lease: Lease): void {
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
  }

  /**
   * A timer of a busy process may fire early: it counts from when the event loop last looked at the clock.
   */
  private arm(leaseId: string, delayMs: number): Timer {
    return this.clock.setTimer(delayMs, () => {
      const running = this.running.get(leaseId);
      if (running === undefined) return;
      const leftMs = running.deadlineMs - this.clock.nowMs();
      if (leftMs > 0) running.timer = this.arm(leaseId, leftMs);
      else this.due(leaseId);
    });
  }
}
