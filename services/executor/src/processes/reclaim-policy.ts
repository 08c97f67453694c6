/** When an engine process gives back memory that queries left with it. Pure. */

/** Time without a query after which memory is given back, milliseconds. */
export const RECLAIM_IDLE_MS = 1_000;
/** Growth beyond which it is, where nothing runs: less is not worth the pages that the next query touches anew. */
export const RECLAIM_IDLE_BYTES_MIN = 8 * 1024 ** 2;
/** A process that is never idle gives memory back so often, milliseconds... */
export const RECLAIM_BUSY_MS = 60_000;
/** ...if it has grown by so much... */
export const RECLAIM_BUSY_BYTES_MIN = 128 * 1024 ** 2;
/** ...and by this share of what it had: what the next run needs again is no outlier's. */
export const RECLAIM_BUSY_SHARE_MIN = 0.25;

/** A process as it is now. */
export interface ProcessMemory {
  readonly nowMs: number;
  /** Time since it had something to do. */
  readonly idleMs: number;
  readonly residentBytes: number;
}

export class ReclaimPolicy {
  private reclaimedAtMs = Number.NEGATIVE_INFINITY;
  private settledBytes = 0;

  /** Takes note of the process and returns whether it is to give memory back now. */
  look({ nowMs, idleMs, residentBytes }: ProcessMemory): boolean {
    this.settledBytes = Math.min(this.settledBytes, residentBytes);
    const grownBytes = residentBytes - this.settledBytes;
    if (idleMs >= RECLAIM_IDLE_MS) return grownBytes >= RECLAIM_IDLE_BYTES_MIN;
    const leastBytes = Math.max(RECLAIM_BUSY_BYTES_MIN, RECLAIM_BUSY_SHARE_MIN * this.settledBytes);
    return nowMs - this.reclaimedAtMs >= RECLAIM_BUSY_MS && grownBytes >= leastBytes;
  }

  /** Something is not needed any more, so that memory is given back as soon as nothing runs. */
  freed(): void {
    this.settledBytes = 0;
  }

  /** Memory was given back; what is resident now is what is needed. */
  reclaimed({ nowMs, residentBytes }: Pick<ProcessMemory, "nowMs" | "residentBytes">): void {
    this.reclaimedAtMs = nowMs;
    this.settledBytes = residentBytes;
  }
}
