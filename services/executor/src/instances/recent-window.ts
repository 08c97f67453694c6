/**
 * Samples kept of one window; beyond it the oldest of the window make room, so a busy window shows its latter
 * part.
 */
const SAMPLES_MAX = 1_024;

export interface WindowSummary {
  /** 95th percentile of batch latency. */
  readonly p95Ms: number;
  /** Mean rows per batch. */
  readonly batchRows: number;
}

/** Batches of the last complete window of time, in bounded memory. Time is a parameter. */
export class RecentWindow {
  private readonly latenciesMs = new Float64Array(SAMPLES_MAX);
  private readonly rows = new Float64Array(SAMPLES_MAX);
  private count = 0;
  private startMs: number;
  private last: WindowSummary | null = null;

  constructor(
    private readonly lengthMs: number,
    nowMs: number,
  ) {
    this.startMs = nowMs;
  }

  /** Records one batch. */
  record(latencyMs: number, batchRows: number, nowMs: number): void {
    this.rotate(nowMs);
    this.latenciesMs[this.count % SAMPLES_MAX] = latencyMs;
    this.rows[this.count % SAMPLES_MAX] = batchRows;
    this.count += 1;
  }

  /** The last complete window; null when nothing happened in it. */
  summary(nowMs: number): WindowSummary | null {
    this.rotate(nowMs);
    return this.last;
  }

  private rotate(nowMs: number): void {
    const elapsedMs = nowMs - this.startMs;
    if (elapsedMs < this.lengthMs) return;
    this.last = elapsedMs < 2 * this.lengthMs ? this.summarise() : null;
    this.count = 0;
    this.startMs = nowMs;
  }

  private summarise(): WindowSummary | null {
    const kept = Math.min(this.count, SAMPLES_MAX);
    if (kept === 0) return null;
    const sorted = this.latenciesMs.slice(0, kept).sort();
    const rows = this.rows.subarray(0, kept).reduce((sum, each) => sum + each, 0);
    return { p95Ms: sorted[Math.floor(0.95 * (kept - 1))] ?? 0, batchRows: rows / kept };
  }
}
