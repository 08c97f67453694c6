/** Limits of a gRPC server. The HTTP server has those of them that apply to it, and two of its own. */
export interface ServerLimits {
  /** Largest message either way; RESOURCE_EXHAUSTED above it. */
  readonly messageMaxBytes: number;
  /**
   * Flow-control window of HTTP/2: bytes a client may send before they are read, per call and per connection.
   */
  readonly receiveWindowBytes: number;
  readonly maxFrameBytes: number;
  /** Calls one connection may have open; queueing belongs to the scheduler, not to the socket. */
  readonly maxConcurrentStreams: number;
  /** Headers of one call, as HTTP/2 counts them; the call is refused above it. */
  readonly headerMaxBytes: number;
  /** Connections at a time; further ones are closed at once. */
  readonly connectionsMax: number;
  /** Requests received or being received, of all calls together; RESOURCE_EXHAUSTED above it. */
  readonly heldMaxBytes: number;
  /**
   * Longest until the client's SETTINGS, or the end of its TLS handshake, have come; then the connection is
   * closed.
   */
  readonly handshakeMaxMs: number;
  /** Longest until the only request of a call has come whole; then the call ends with DEADLINE_EXCEEDED. */
  readonly requestMaxMs: number;
  /** A connection without a call for this long gets a GOAWAY. */
  readonly idleMaxMs: number;
  /** Period of PINGs on a connection; it is closed when the answer takes longer than `keepaliveTimeoutMs`. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  /** A client that takes nothing of what waits for it for so long is cut off. */
  readonly unreadMaxMs: number;
}

/**
 * Messages: a batch of eight 602 KB images is beyond grpc-js's own default of 4 MiB. Window: eight MiB carry
 * 1,800 large requests per second over 2.5 ms of round trip; one MiB carries 330. Idle: as long as gRPC
 * clients themselves keep an unused connection. There is no largest age: links and watches live as long as
 * their processes.
 */
export const SERVER_LIMITS: ServerLimits = {
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
  unreadMaxMs: 60_000,
};
