import { frame, frameFlag, frameType, headerBlock, preface, settingsFrame } from "../fuzz/http2-frames";

/** Methods that floods call. */
const requestPath = {
  metadata: "/inference.GRPCInferenceService/ServerMetadata",
  infer: "/inference.GRPCInferenceService/ModelInfer",
  stream: "/inference.GRPCInferenceService/ModelStreamInfer",
} as const;

/** What one connection of a flood sends: a beginning, and more of the same until the server reads no more. */
export interface Flood {
  readonly name: string;
  /** Server that it is sent to. */
  readonly face: "grpc" | "http";
  readonly connections: number;
  /** Returns part `index` of what a connection sends; null after the last. */
  readonly part: (index: number) => Buffer | null;
}

/** Streams in one part; a connection may have a thousand open. */
const STREAMS_A_PART = 100;
const STREAMS_MAX = 1_000;
/** The largest message there is, announced. */
const ANNOUNCED_BYTES = 64 * 1024 * 1024;

function headers(stream: number, path: string, more: readonly (readonly [string, string])[] = []): Buffer {
  const block = headerBlock([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "flood"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...more,
  ]);
  return frame(frameType.headers, frameFlag.endHeaders, stream, block);
}

function message(bytes: number, announced = bytes): Buffer {
  const prefixed = Buffer.alloc(5 + bytes, 0x7a);
  prefixed[0] = 0;
  prefixed.writeUInt32BE(announced, 1);
  return prefixed;
}

function opening(initialWindow = 65_535): Buffer {
  const acknowledged = frame(frameType.settings, frameFlag.ack, 0, Buffer.alloc(0));
  return Buffer.concat([preface, settingsFrame({ 4: initialWindow }), acknowledged]);
}

const requestLine = "POST /v2/models/none/infer HTTP/1.1\r\nhost: 127.0.0.1\r\n";

/** Parts of `STREAMS_A_PART` calls, as `call` returns them for each stream. */
function calls(parts: number, call: (stream: number) => Buffer, initialWindow?: number) {
  const made = new Map<number, Buffer>();
  return (index: number): Buffer | null => {
    if (index === 0) return opening(initialWindow);
    if (index > parts) return null;
    const first = (index - 1) * STREAMS_A_PART;
    const known = made.get(index);
    if (known !== undefined) return known;
    const part = Buffer.concat(Array.from({ length: STREAMS_A_PART }, (_, i) => call(2 * (first + i) + 1)));
    made.set(index, part);
    return part;
  };
}

const open = STREAMS_MAX / STREAMS_A_PART;
const end = (stream: number, payload: Buffer) => frame(frameType.data, frameFlag.endStream, stream, payload);
const data = (stream: number, payload: Buffer) => frame(frameType.data, 0, stream, payload);

const pings = Buffer.concat(Array<Buffer>(1_000).fill(frame(frameType.ping, 0, 0, Buffer.alloc(8))));

/** What callers can make a server hold without having a message of theirs computed. */
export const floods: readonly Flood[] = [
  {
    name: "refusals that nobody reads",
    face: "grpc",
    connections: 8,
    part: calls(3 * open, (stream) =>
      Buffer.concat([headers(stream, `/${stream}${"n".repeat(6_000)}`), end(stream, message(1))]),
    ),
  },
  {
    name: "answers whose window is nothing",
    face: "grpc",
    connections: 24,
    part: calls(
      open,
      (stream) => Buffer.concat([headers(stream, requestPath.metadata), end(stream, message(0))]),
      0,
    ),
  },
  {
    name: "answers to PING that nobody reads",
    face: "grpc",
    connections: 8,
    part: (index) => {
      if (index === 0) return opening();
      return index > 4_000 ? null : pings;
    },
  },
  {
    name: "empty messages of streams whose answers nobody reads",
    face: "grpc",
    connections: 3,
    part: (index) => {
      if (index === 0)
        return Buffer.concat([opening(0), ...[1, 3, 5, 7].map((s) => headers(s, requestPath.stream))]);
      if (index > 20) return null;
      const many = Buffer.concat(Array<Buffer>(1_000).fill(message(0)));
      return Buffer.concat([1, 3, 5, 7].map((stream) => data(stream, many)));
    },
  },
  {
    name: "messages that are announced and do not come",
    face: "grpc",
    connections: 8,
    part: calls(open, (stream) =>
      Buffer.concat([headers(stream, requestPath.infer), data(stream, message(0, ANNOUNCED_BYTES))]),
    ),
  },
  {
    name: "messages that come in part",
    face: "grpc",
    connections: 8,
    part: calls(open, (stream) =>
      Buffer.concat([headers(stream, requestPath.infer), data(stream, message(8_000, ANNOUNCED_BYTES))]),
    ),
  },
  {
    name: "header blocks of calls that go no further",
    face: "grpc",
    connections: 4,
    part: calls(open, (stream) =>
      headers(
        stream,
        requestPath.infer,
        Array.from({ length: 12 }, (_, i) => [`x-${i}`, "v".repeat(1_000)] as const),
      ),
    ),
  },
  {
    name: "connections that say nothing more than hello",
    face: "grpc",
    connections: 1_000,
    part: (index) => (index === 0 ? opening() : null),
  },
  {
    name: "HTTP connections without a request",
    face: "http",
    connections: 1_000,
    part: (index) => (index === 0 ? Buffer.from("GET /v2/health/live HTTP/1.1\r\n") : null),
  },
  {
    name: "HTTP headers that do not end",
    face: "http",
    connections: 1_000,
    part: (index) => (index === 0 ? Buffer.from(`${requestLine}x-more: ${"v".repeat(15_000)}\r\n`) : null),
  },
  {
    name: "HTTP bodies that come in part",
    face: "http",
    connections: 256,
    part: (index) => {
      if (index === 0) return Buffer.from(`${requestLine}content-length: 10000000\r\n\r\n`);
      return index > 4 ? null : Buffer.alloc(64 * 1024, "7");
    },
  },
];
