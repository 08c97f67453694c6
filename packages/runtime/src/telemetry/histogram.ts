/** Observations counted by bucket since the process began, as Prometheus and OpenTelemetry have them. */
export class Histogram {
  /** Observations by bucket; one more than there are bounds. */
  readonly counts: Float64Array;
  sum = 0;

  /** `bounds`: upper bounds of the buckets, inclusive, ascending; the last bucket has none. */
  constructor(readonly bounds: readonly number[]) {
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** O(buckets). */
  observe(value: number): void {
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    counts[bucket]! += 1;
    this.sum += value;
  }

  get count(): number {
    return this.counts.reduce((sum, count) => sum + count, 0);
  }
}

/** A histogram with the attributes that identify it among those of one instrument. */
export interface HistogramPoint {
  readonly attributes: Readonly<Record<string, string>>;
  readonly histogram: Histogram;
}
