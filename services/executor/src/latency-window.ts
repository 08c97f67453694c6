/** Samples kept of one window; beyond it the oldest of the window make room, so a busy window shows its latter part. */
const samplesMax = 1_024;

/** Percentile of the last complete window of time: what happened lately, at a bounded price. Time is a parameter. */
export class LatencyWindow {
  private readonly samples = new Float64Array(samplesMax);
  private count = 0;
  private startMs: number;
  private lastP95Ms: number | null = null;

  /** `lengthMs` is how long one window lasts. */
  constructor(
    private readonly lengthMs: number,
    nowMs: number,
  ) {
    this.startMs = nowMs;
  }

  /** Takes one latency in. */
  record(latencyMs: number, nowMs: number): void {
    this.rotate(nowMs);
    this.samples[this.count % samplesMax] = latencyMs;
    this.count += 1;
  }

  /** 95th percentile of the last complete window; null when nothing happened in it. */
  p95Ms(nowMs: number): number | null {
    this.rotate(nowMs);
    return this.lastP95Ms;
  }

  private rotate(nowMs: number): void {
    const elapsedMs = nowMs - this.startMs;
    if (elapsedMs < this.lengthMs) return;
    this.lastP95Ms = elapsedMs < 2 * this.lengthMs ? this.percentile(0.95) : null;
    this.count = 0;
    this.startMs = nowMs;
  }

  private percentile(share: number): number | null {
    const kept = Math.min(this.count, samplesMax);
    if (kept === 0) return null;
    const sorted = this.samples.slice(0, kept).sort();
    return sorted[Math.min(kept - 1, Math.floor(share * kept))] ?? null;
  }
}
