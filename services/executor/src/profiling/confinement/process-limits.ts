/** Limits of a profiling process. */
export interface ProcessLimits {
  /** Longest stage, milliseconds. */
  readonly stageMsMax: number;
  /** All stages together, milliseconds. */
  readonly totalMsMax: number;
  /** Resident memory of the whole process, bytes. */
  readonly memoryBytesMax: number;
}

/** Writable bytes granted for each resident byte allowed: engines reserve more than they touch. */
const GRANT_FACTOR = 4;

/**
 * Returns the writable memory (RLIMIT_DATA) of a profiling process, bytes. An allocation beyond it fails at
 * once; the monitor bounds what is resident.
 */
export function grantedBytes({ memoryBytesMax }: ProcessLimits): number {
  return GRANT_FACTOR * memoryBytesMax;
}
