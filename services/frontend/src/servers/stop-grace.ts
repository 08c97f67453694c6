/** How long queries on their way may still be answered when the process stops. */
export const STOP_GRACE_MS = 3_000;
