/** What a server may be told. Every limit has a default. */
export interface ServerLimits {
  /** Largest message of a client; RESOURCE_EXHAUSTED above it. */
  readonly messageMaxBytes: number;
  /** What a client may have on its way before we read, per call and per connection. */
  readonly receiveWindowBytes: number;
  readonly maxFrameBytes: number;
  /** Calls one connection may have open. */
  readonly maxConcurrentStreams: number;
  /** Headers of one call, as HTTP/2 counts them; RESOURCE_EXHAUSTED above it. */
  readonly headerMaxBytes: number;
  /** Connections at a time; further ones are closed at once. */
  readonly connectionsMax: number;
  /** Requests received or being received, of all calls together, and as much for what is being unpacked; RESOURCE_EXHAUSTED above it. */
  readonly heldMaxBytes: number;
  /** A client that has not said what it is by then is cut off. */
  readonly handshakeMaxMs: number;
  /** A call's only request has come whole by then, or the call ends with DEADLINE_EXCEEDED. */
  readonly requestMaxMs: number;
  /** A connection without a call for this long is asked to leave. */
  readonly idleMaxMs: number;
  /** A connection silent for this long is pinged, and cut off without an answer in time. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
}

/** The sizes are those of the server on grpc-js, for the same reasons (runtime/rpc/server.ts). */
export const serverLimitsDefault: ServerLimits = {
  messageMaxBytes: 64 * 1024 * 1024,
  receiveWindowBytes: 8 * 1024 * 1024,
  maxFrameBytes: 1024 * 1024,
  maxConcurrentStreams: 1_000,
  headerMaxBytes: 16 * 1024,
  connectionsMax: 10_000,
  heldMaxBytes: 1024 * 1024 * 1024,
  handshakeMaxMs: 20_000,
  requestMaxMs: 60_000,
  idleMaxMs: 1_800_000,
  keepaliveMs: 7_200_000,
  keepaliveTimeoutMs: 20_000,
};
