/** Rows of one job. */
export const JOB_ROWS_MAX = 1_000_000;
/** Parts of one job's output; the record of a job names each, in some hundred bytes. */
export const JOB_PARTS_MAX = 512;
