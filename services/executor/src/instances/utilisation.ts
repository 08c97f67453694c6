import type { Clock } from "@infaas/runtime";

/** Where the process's CPU time is read: `process.cpuUsage` in production. */
export type CpuReading = () => { readonly user: number; readonly system: number };

/** Readings closer together than this repeat the last figure: the kernel counts in ticks. */
const READ_EVERY_MS = 250;
/** Weight of the newest reading; about four readings until a change is fully seen. */
const NEWEST_WEIGHT = 0.5;

/**
 * Share of this executor's cores that this process kept busy lately, 0..1. The process, not the host: an executor
 * answers for the cores it was given, and the effect of neighbours shows in latency (`interfered`).
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

  /** The current figure; takes a new reading when the last one is old enough. */
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
