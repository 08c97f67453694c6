/** What a batcher has done since it was opened. Sums in nanoseconds; times of stages are summed over batches. */
export interface BatcherStats {
  /** Accepted. */
  readonly requests: number;
  /** Accepted. */
  readonly rows: number;
  /** Run, failed ones included. */
  readonly batches: number;
  readonly rowsRun: number;
  /** Rows of zeros added to reach an allowed size. */
  readonly rowsPadded: number;
  /** Refused because the queue was full. */
  readonly refusedFull: number;
  /** Refused by `submit` because they could not be in time. */
  readonly refusedDeadline: number;
  /** Dropped from the queue because they could no longer be in time; never computed. */
  readonly shed: number;
  /** Left the queue before they ran. */
  readonly cancelled: number;
  /** Requests the engine failed on. */
  readonly failed: number;
  /** Runs that were ended because they took too long. */
  readonly overdue: number;
  /** Rows computed, and done after their deadline. */
  readonly lateRows: number;
  /** Requests that shared a batch and were run again alone, and those of them that were answered otherwise then. */
  readonly rechecked: number;
  readonly recheckDiffered: number;
  /** Batches that waited for cores of the host, and how long together. */
  readonly coreWaits: number;
  readonly coreWaitNs: number;
  /** Batches that ran on the caller's own memory, without a copy. */
  readonly directBatches: number;
  /** Summed over requests. */
  readonly queueNs: number;
  readonly gatherNs: number;
  readonly copyInNs: number;
  readonly runNs: number;
  readonly copyOutNs: number;
  readonly scatterNs: number;
  /** From taken to copied out, summed over engine threads. */
  readonly busyNs: number;
  /** The share of busyNs spent on rows that were late. */
  readonly computeExpiredNs: number;
  /** How many batches had how many rows: index = rows. */
  readonly batchRows: Float64Array;
  /** Expected latency of a batch now: index = rows; 0 while unknown. */
  readonly latencyMs: Float64Array;
}
