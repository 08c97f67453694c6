/** Time for queries in flight to be answered when the process stops. */
export const STOP_GRACE_MS = 3_000;
