// The numbers that this folder and src/ share. The build makes a C++ header of this file (native/layout_header.mjs).

/**
 * Places of a delivery's numbers in the shared array. Behind the head lie the members, the tickets of dropped requests and the
 * outputs, one after another.
 */
export const deliveryLayout = {
  rows: 0,
  paddedRows: 1,
  gatherMs: 2,
  runMs: 3,
  scatterMs: 4,
  /** Slab of the arena that the outputs lie in; -1: they come as ArrayBuffers. */
  slab: 5,
  /** How many there are of each. */
  members: 6,
  dropped: 7,
  outputs: 8,
  /** 1: the dropped are so because the batcher stopped, 0: because they were late. */
  stopped: 9,
  /** 1: the batch failed because it was ended for taking too long. */
  overdue: 10,
  /** 1: the batch failed because memory could not be had. */
  exhausted: 11,
  /** CPU time of the engine thread in the run; -1: it was not measured. */
  runCpuMs: 12,
  /** 1: the batch failed because the model does not take what was asked. */
  refused: 13,
  head: 14,
} as const;

/** Places of a member's numbers. */
export const memberLayout = { ticket: 0, rows: 1, queueMs: 2, stride: 3 } as const;

/** Most dimensions of a tensor. */
export const rankMax = 16;

/** Places of an output's numbers. */
export const outputLayout = {
  /** Bytes from the arena's start; 0 when it comes as an ArrayBuffer. */
  offset: 0,
  bytes: 1,
  rank: 2,
  dims: 3,
  stride: 3 + rankMax,
} as const;

/** In the place of a ticket: the request came from a link and is answered already. */
export const ofLinkTicket = -1;

/** Places of a batch's numbers in the figures of links. */
export const linkBatchLayout = { agoMs: 0, runMs: 1, rows: 2, stride: 3 } as const;

/** What `submit` answers. */
export const submitCode = { accepted: 0, full: 1, deadline: 2, closed: 3 } as const;
