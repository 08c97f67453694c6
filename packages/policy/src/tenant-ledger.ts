/** Bounds of one tenant; null = none. */
export interface TenantBounds {
  readonly queriesPerSecond: number | null;
  /** Queries that may come at once before the rate counts; null: one second's worth. */
  readonly burst: number | null;
  readonly inFlightMax: number | null;
  /** Bytes of its requests that may be held at a time. */
  readonly queuedBytesMax: number | null;
}

/** Why a query is over its tenant's bounds: what it would come to, and what is allowed. */
export interface OverBounds {
  readonly bound: keyof Omit<TenantBounds, "burst">;
  readonly value: number;
  readonly limit: number;
  /** When to try again; null when that depends on the tenant's own queries in flight. */
  readonly retryAfterMs: number | null;
}

/** What one tenant has under way at one frontend. Pure: time is a parameter. */
export class TenantLedger {
  private queries = 0;
  private bytes = 0;
  /** Queries that may come now (token bucket). */
  private credit: number;
  private creditAtMs: number;

  constructor(
    private bounds: TenantBounds,
    nowMs: number,
  ) {
    this.credit = burstOf(bounds);
    this.creditAtMs = nowMs;
  }

  get inFlight(): number {
    return this.queries;
  }

  get heldBytes(): number {
    return this.bytes;
  }

  /** Bounds that changed while the tenant was known. */
  rebind(bounds: TenantBounds): void {
    this.bounds = bounds;
    this.credit = Math.min(this.credit, burstOf(bounds));
  }

  /** Notes one more query, or says why it may not come; a noted one must be released. */
  admit(requestBytes: number, nowMs: number): OverBounds | null {
    const { queriesPerSecond, inFlightMax, queuedBytesMax } = this.bounds;
    if (inFlightMax !== null && this.queries + 1 > inFlightMax) {
      return { bound: "inFlightMax", value: this.queries + 1, limit: inFlightMax, retryAfterMs: null };
    }
    if (queuedBytesMax !== null && this.bytes + requestBytes > queuedBytesMax) {
      const value = this.bytes + requestBytes;
      return { bound: "queuedBytesMax", value, limit: queuedBytesMax, retryAfterMs: null };
    }
    if (queriesPerSecond !== null) {
      const earned = ((nowMs - this.creditAtMs) / 1000) * queriesPerSecond;
      this.credit = Math.min(burstOf(this.bounds), this.credit + Math.max(0, earned));
      this.creditAtMs = nowMs;
      if (this.credit < 1) {
        const retryAfterMs = ((1 - this.credit) / queriesPerSecond) * 1000;
        const value = burstOf(this.bounds) + 1;
        return { bound: "queriesPerSecond", value, limit: queriesPerSecond, retryAfterMs };
      }
      this.credit--;
    }
    this.queries++;
    this.bytes += requestBytes;
    return null;
  }

  /** A noted query has ended. */
  release(requestBytes: number): void {
    this.queries--;
    this.bytes -= requestBytes;
  }
}

/** At least one, or nothing would ever pass. */
function burstOf({ queriesPerSecond, burst }: TenantBounds): number {
  return Math.max(1, burst ?? queriesPerSecond ?? 1);
}
