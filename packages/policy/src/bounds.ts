/** Longest wait, in a queue or for a load, of a query that states no latency objective. */
export const UNSTATED_WAIT_MAX_MS = 30_000;

/** When to ask again while memory is taken everywhere by instances in use. */
export const ROOM_RETRY_MS = 1000;

/** When to ask again while no executor takes work: a lost one is noticed and replaced within its lease. */
export const EXECUTOR_RETRY_MS = 5000;

/** Shortest retry hint. */
export const RETRY_MIN_MS = 1;

/** Most candidates an explanation lists; the rest is counted. */
export const EXPLAINED_MAX = 64;

/** Rows of one query; those beyond a variant's largest batch are run in pieces. */
export const ROWS_MAX = 1_048_576;
