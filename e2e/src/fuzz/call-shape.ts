import type { Random } from "@infaas/runtime";
import { frame, frameFlag, frameType, headerBlock, padded } from "./http2-frames";
import type { RawCall } from "./raw-connection";
import { below, randomBytes } from "./wire-mutator";

/** Headers by name. */
export type Headers = Readonly<Record<string, string>>;

/** Payload of the frames that a client sends which has no reason to send smaller ones. */
const usualFrameBytes = 16_384;
/** A body in pieces has at most about so many of them. */
const piecesMax = 200;
/**
 * nghttp2 ends a connection at the ninth CONTINUATION frame behind one HEADERS frame (CVE-2024-28182), and
 * counts one twice that comes in two pieces: this is well below.
 */
const framesMax = 5;
/**
 * The server takes frames and fields of types that it does not know, and ignores them (RFC 9113, section
 * 5.5).
 */
const unknownType = 0xfa;

/** Returns a call as most clients send it. */
export function plainCall(path: string, body: Buffer, headers: Headers = {}): RawCall {
  const block = requestBlock(path, headers);
  return {
    open: (stream) => [frame(frameType.headers, frameFlag.endHeaders, stream, block)],
    data: body,
    frameBytes: usualFrameBytes,
    padBytes: 0,
    close: null,
  };
}

/**
 * Returns a call in one of the forms that HTTP/2 allows and few clients use: headers or data in many pieces,
 * padding, priorities, an end of its own, trailers, frames of no known type in between. Whatever the form,
 * the answer is the same.
 */
export function oddCall(path: string, body: Buffer, headers: Headers, random: Random): RawCall {
  const plain = plainCall(path, body, headers);
  const block = requestBlock(path, headers);
  const pad = below(random, 256);
  switch (below(random, 7)) {
    case 0:
      return { ...plain, frameBytes: Math.ceil(body.length / piecesMax) + below(random, 64) };
    case 1:
      return {
        ...plain,
        padBytes: pad,
        open: (stream) => [
          frame(frameType.headers, frameFlag.endHeaders | frameFlag.padded, stream, padded(block, pad)),
        ],
      };
    case 2:
      return { ...plain, open: (stream) => inPieces(block, stream, 2 + (pad % (framesMax - 1))) };
    case 3:
      return { ...plain, open: (stream) => [prioritised(block, stream, pad)] };
    case 4:
      return {
        ...plain,
        close: (stream) => [frame(frameType.data, frameFlag.endStream, stream, Buffer.alloc(0))],
      };
    case 5: {
      const trailers = headerBlock([["x-trailer", "last"]]);
      const flags = frameFlag.endHeaders | frameFlag.endStream;
      return { ...plain, close: (stream) => [frame(frameType.headers, flags, stream, trailers)] };
    }
    default:
      return {
        ...plain,
        open: (stream) => [
          frame(frameType.ping, 0, 0, Buffer.alloc(8, pad)),
          ...plain.open(stream),
          frame(unknownType, pad, stream, randomBytes(random, pad)),
        ],
      };
  }
}

/** Blocks that were made before: there are few paths, and few headers for each. */
const blocks = new Map<string, Buffer>();

function requestBlock(path: string, headers: Headers): Buffer {
  const key = JSON.stringify([path, headers]);
  const known = blocks.get(key);
  if (known !== undefined) return known;
  const block = headerBlock([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "fuzz"],
    ...Object.entries({ "content-type": "application/grpc", te: "trailers", ...headers }),
  ]);
  blocks.set(key, block);
  return block;
}

/** A header block in a HEADERS frame and CONTINUATION frames. */
function inPieces(block: Buffer, stream: number, count: number): Buffer[] {
  const bytes = Math.ceil(block.length / count);
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += bytes) {
    const type = at === 0 ? frameType.headers : frameType.continuation;
    const isLast = at + bytes >= block.length;
    frames.push(frame(type, isLast ? frameFlag.endHeaders : 0, stream, block.subarray(at, at + bytes)));
  }
  return frames;
}

/** Priorities mean nothing any more (RFC 9113, section 5.3), but may still be said. */
function prioritised(block: Buffer, stream: number, weight: number): Buffer {
  const priority = Buffer.from([0, 0, 0, 0, weight]);
  const flags = frameFlag.endHeaders | frameFlag.priority;
  return frame(frameType.headers, flags, stream, Buffer.concat([priority, block]));
}
