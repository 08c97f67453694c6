/** Rows of one job. */
export const JOB_ROWS_MAX = 1_000_000;
/** Bytes of one row of a job's input. */
export const JOB_ROW_BYTES_MAX = 8 * 1024 * 1024;
/** Bytes of a job's input. */
export const JOB_INPUT_BYTES_MAX = 1024 ** 3;
/** Parts of one job's output; the record of a job names each, in some hundred bytes. */
export const JOB_PARTS_MAX = 512;
