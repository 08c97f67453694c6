/** Where an event's numbers lie in the mailbox; the same numbers stand in src/net/event.h and src/node_api/wire_handle.h. */
export const mail = {
  kind: 0,
  subject: 1,
  /** Of a call: milliseconds left of its deadline, -1 without one; of a cancelled one, the canonical code. */
  deadlineMs: 2,
  method: 3,
  encoding: 4,
  bytes: 5,
  /** Of every event of a call: the number that its caller is known by, -1 without a guard. */
  credential: 6,
  stride: 14,
  /** Of an infer event, where others have method and encoding. */
  head: 3,
  fresh: 4,
  /** 1: a traceparent is among the call's metadata. */
  traced: 7,
  /** Of failed handshakes; how the first did is the event's bytes. */
  count: 2,
  /** Of an answer and a refusal. */
  queryId: 2,
  queueMs: 3,
  gatherMs: 4,
  runMs: 5,
  scatterMs: 6,
  executorMs: 7,
  batchSize: 8,
  drainMs: 9,
  utilisation: 10,
  memoryFree: 11,
  queuedRows: 12,
  bodyBytes: 13,
  code: 3,
  retryAfterMs: 4,
} as const;

/** What an event tells. */
export const eventKind = {
  infer: 0,
  unary: 1,
  opened: 2,
  message: 3,
  halfClosed: 4,
  cancelled: 5,
  drained: 6,
  linkUp: 7,
  linkDown: 8,
  linkDraining: 9,
  answer: 10,
  refusal: 11,
  asked: 12,
  forgotten: 13,
  handshakesFailed: 14,
} as const;

/** What a method's calls look like; the same numbers stand in src/http2/call.h. */
export const methodKind = { unary: 0, stream: 1, infer: 2 } as const;

/** How a message is packed; the same numbers stand in src/http2/call.h. */
export const encoding = { identity: 0, gzip: 1, deflate: 2 } as const;

/** Events handed over in one go; more of them come in several. */
export const eventsMax = 512;

/** A handle is a call's place and, above these bits, how often the place was used. */
export const placeMask = 2 ** 17 - 1;
