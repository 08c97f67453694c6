import type { Clock } from "@infaas/runtime";

/** CPU time of the process so far, microseconds: `process.cpuUsage` in production. */
export type CpuReading = () => { readonly user: number; readonly system: number };

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
    this.lastBusyUs = this.busyUs();
  }

  /** The current figure; reads anew once `READ_EVERY_MS` have passed. */
  value(): number {
    const nowMs = this.clock.nowMs();
    const elapsedMs = nowMs - this.lastMs;
    if (elapsedMs < READ_EVERY_MS) return this.share;
    const busyUs = this.busyUs();
    const newest = Math.min(1, (busyUs - this.lastBusyUs) / 1_000 / (elapsedMs * this.cores));
    this.share += NEWEST_WEIGHT * (newest - this.share);
    this.lastMs = nowMs;
    this.lastBusyUs = busyUs;
    return this.share;
  }

  private busyUs(): number {
    const { user, system } = this.read();
    return user + system;
  }
}
