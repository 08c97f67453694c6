// The numbers that lib/run-journal.ts and src/process/run_journal.h share. The build makes a C++ header of this file.

/** Places in a slot of a run journal, in 32-bit numbers. */
export const journalSlotLayout = {
  /** Requests of the run that is under way; 0: nothing runs. */
  members: 0,
  /** How many of `queries` hold an id. */
  written: 1,
  /** Number of the fatal signal that a thread of the run raised; 0: none. */
  signal: 2,
  queries: 3,
  stride: 256,
} as const;
