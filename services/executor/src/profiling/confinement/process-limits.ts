/** What the process that loads and measures one model may take. */
export interface ProcessLimits {
  /** Longest stage, milliseconds. */
  readonly stageMsMax: number;
  /** All stages together, milliseconds. */
  readonly totalMsMax: number;
  /** Resident memory of the whole process, bytes. */
  readonly memoryBytesMax: number;
}

/** Writable memory granted for each byte that may become resident: engines reserve in powers of two, and not all is touched. */
const GRANT_FACTOR = 4;

/**
 * Writable memory the system grants a process of `memoryBytesMax`. An allocation beyond it fails at once, before anybody
 * has looked; what was granted counts only as it is touched.
 */
export function grantedBytes({ memoryBytesMax }: ProcessLimits): number {
  return GRANT_FACTOR * memoryBytesMax;
}
