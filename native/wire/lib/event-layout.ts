// The numbers that this folder and src/ share. The build makes a C++ header of this file (native/layout_header.mjs).

/** Places of an event's numbers in the shared array; events lie one after another, `stride` numbers apart. */
export const eventLayout = {
  /** One of `eventKind`. */
  kind: 0,
  /** Handle of a call, or number of a link or a credential. */
  subject: 1,
  /** Of a call: milliseconds left of its deadline, -1 without one. */
  deadlineMs: 2,
  method: 3,
  /** One of `encoding`. */
  encoding: 4,
  /** Size of the request. */
  bytes: 5,
  /** Number that the call's caller is known by, -1 without a guard. */
  credential: 6,
  /** Of an infer event, in place of method and encoding: number of the head, and 1 when it was not told before. */
  head: 3,
  fresh: 4,
  /** Of an infer event: 1 when a traceparent is among the call's metadata. */
  traced: 7,
  /** Of a cancelled call: the canonical code. */
  cancelCode: 2,
  /** Of failed handshakes; how the first failed is the event's bytes. */
  count: 2,
  /** Of an answer and a refusal. */
  queryId: 2,
  drainMs: 9,
  utilisation: 10,
  memoryFree: 11,
  queuedRows: 12,
  bodyBytes: 13,
  /** Of an answer. */
  queueMs: 3,
  gatherMs: 4,
  runMs: 5,
  scatterMs: 6,
  executorMs: 7,
  batchSize: 8,
  /** Of a refusal. */
  code: 3,
  retryAfterMs: 4,
  stride: 14,
} as const;

/** What an event tells. */
export const eventKind = {
  /** A whole ModelInfer request whose head is known or small. */
  infer: 0,
  /** A whole request of a method with one message. */
  unary: 1,
  /** A call whose messages follow one by one. */
  opened: 2,
  /** One of them can be taken. */
  message: 3,
  /** The last of them has come. */
  halfClosed: 4,
  /** The caller is gone or its deadline has passed: `release` the call. */
  cancelled: 5,
  /** What was written has left. */
  drained: 6,
  linkUp: 7,
  linkDown: 8,
  linkDraining: 9,
  answer: 10,
  refusal: 11,
  /** May this call be made? `admit` or `refuse` it; nothing else of it was told before. */
  asked: 12,
  /** A credential's number means nothing any more. */
  forgotten: 13,
  handshakesFailed: 14,
} as const;

/** What a method's calls look like. */
export const methodKind = { unary: 0, stream: 1, infer: 2 } as const;

/** How a peer packs its messages. */
export const encoding = { identity: 0, gzip: 1, deflate: 2, unknown: 3 } as const;

/** Events handed over in one go; more of them come in several. */
export const eventsMax = 512;

/** A call's handle is its place in so many low bits and, above them, how often the place was used. */
export const handlePlaceBits = 17;

/** Set in the lane of `linkSend`: the trace lies in the scratch, in binary. */
export const laneTraced = 256;

/** Places of a trace in the scratch. */
export const traceLayout = { traceId: 0, spanId: 16, bytes: 24 } as const;
