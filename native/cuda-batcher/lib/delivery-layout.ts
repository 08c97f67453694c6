/** Where a delivery's numbers lie in the mail; the same numbers stand in src/addon/delivery_layout.h. */
export const mail = {
  failed: 0,
  /** In the place of `failed`: it was ended for taking too long. */
  overdue: 2,
  rows: 1,
  gatherMs: 2,
  runMs: 3,
  scatterMs: 4,
  slab: 5,
  members: 6,
  dropped: 7,
  stopped: 8,
  outputs: 9,
  paddedRows: 10,
  head: 11,
  memberNumbers: 3,
  /** In the place of a ticket: answered already, to a link. */
  ofLink: -1,
  outputBytes: 1,
  outputRank: 2,
  outputDims: 3,
  outputNumbers: 11,
} as const;
