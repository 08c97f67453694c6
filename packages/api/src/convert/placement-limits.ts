/** Loads that one frontend may need at once. */
export const LOAD_REQUESTS_MAX = 1_024;
/** Executors whose placements one transaction changes, of the 128 writes of one of etcd; of a larger plan the rest follows. */
export const PLANNED_AT_ONCE_MAX = 100;
