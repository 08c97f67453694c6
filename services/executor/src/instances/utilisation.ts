import type { Clock } from "@infaas/runtime";

/** Returns the CPU time of this executor's processes so far, microseconds. */
export type CpuReading = () => number;

/** Shortest time between two readings; the kernel counts in ticks. */
const READ_EVERY_MS = 250;
/** Weight of the newest reading in the moving average; a change is seen in full after about four. */
const NEWEST_WEIGHT = 0.5;

/**
 * Share of this executor's cores that this process kept busy lately, 0..1. Other processes of the host are
 * not counted; their effect shows in latency (`interfered`).
 */
export class Utilisation {
  private lastMs: number;
  private lastBusyUs: number;
  private share = 0;

  constructor(
    private readonly clock: Clock,
    private readonly cores: number,
    private readonly read: CpuReading,
  ) {
    this.lastMs = clock.nowMs();
    this.lastBusyUs = read();
  }

  /** The current figure; reads anew once `READ_EVERY_MS` have passed. */
  value(): number {
    const nowMs = this.clock.nowMs();
    const elapsedMs = nowMs - this.lastMs;
    if (elapsedMs < READ_EVERY_MS) return this.share;
    const busyUs = this.read();
    const newest = Math.min(1, (busyUs - this.lastBusyUs) / 1_000 / (elapsedMs * this.cores));
    this.share += NEWEST_WEIGHT * (newest - this.share);
    this.lastMs = nowMs;
    this.lastBusyUs = busyUs;
    return this.share;
  }
}
