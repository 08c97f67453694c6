import {
  ANSWER_HEADER_BYTES,
  type Frame,
  FrameType,
  INFER_HEADER_BYTES,
  LENGTH_BYTES,
  type LinkLoad,
  PREFIX_BYTES,
  REFUSAL_HEADER_BYTES,
} from "./link-frame";
import { asciiText } from "./text";

/** What one message gave: its frames in order, or why the link must be cut. */
export type FramesRead =
  | { readonly ok: true; readonly frames: readonly Frame[] }
  | { readonly ok: false; readonly fault: string };

/** Largest frame unless told otherwise: a message of 64 MiB and its header. */
const MAX_FRAME_BYTES_DEFAULT = 64 * 1024 * 1024 + 64 * 1024;

const FRAMES_TAG = 0x0a;

/**
 * Cuts the messages of a link (LinkRequest, LinkResponse as bytes) into frames. A frame may begin in one
 * message and end in another. Bodies are views of the message; only those of cut frames are copied. After a
 * fault it stays faulty.
 */
export class FrameReader {
  private readonly maxFrameBytes: number;
  private kept: Buffer[] = [];
  private keptBytes = 0;
  private fault: string | null = null;

  constructor(maxFrameBytes: number = MAX_FRAME_BYTES_DEFAULT) {
    this.maxFrameBytes = maxFrameBytes;
  }

  /** Takes one whole message. */
  push(message: Uint8Array): FramesRead {
    return this.take(message, (bytes, frames) => this.message(bytes, frames));
  }

  /**
   * Takes the next bytes of a plain connection, on which frames follow one another without messages around
   * them.
   */
  pushPlain(chunk: Uint8Array): FramesRead {
    return this.take(chunk, (bytes, frames) => this.chunk(bytes, frames));
  }

  private take(received: Uint8Array, read: (bytes: Buffer, frames: Frame[]) => string | null): FramesRead {
    if (this.fault !== null) return { ok: false, fault: this.fault };
    const frames: Frame[] = [];
    const bytes = Buffer.isBuffer(received)
      ? received
      : Buffer.from(received.buffer, received.byteOffset, received.byteLength);
    this.fault = read(bytes, frames);
    return this.fault === null ? { ok: true, frames } : { ok: false, fault: this.fault };
  }

  /** Reads every occurrence of field 1: a sender may have joined messages by concatenation. */
  private message(bytes: Buffer, frames: Frame[]): string | null {
    let at = 0;
    while (at < bytes.length) {
      if (bytes[at] !== FRAMES_TAG)
        return `message begins a field with byte ${bytes[at]}, allowed is ${FRAMES_TAG}`;
      at += 1;
      let length = 0;
      let shift = 0;
      let byte = 0x80;
      while (byte >= 0x80) {
        if (at >= bytes.length || shift > 28) return "message has a broken length";
        byte = bytes[at]!;
        at += 1;
        length += (byte & 0x7f) * 2 ** shift;
        shift += 7;
      }
      if (length > bytes.length - at) return `message promises ${length} bytes and has ${bytes.length - at}`;
      const fault = this.chunk(bytes.subarray(at, at + length), frames);
      if (fault !== null) return fault;
      at += length;
    }
    return null;
  }

  private chunk(chunk: Buffer, frames: Frame[]): string | null {
    const bytes = this.joined(chunk);
    if (bytes === null) return null;
    let at = 0;
    while (bytes.length - at >= LENGTH_BYTES) {
      const length = bytes.readUInt32LE(at);
      if (length < PREFIX_BYTES - LENGTH_BYTES || length > this.maxFrameBytes) {
        return `frame of ${length} bytes, allowed are ${PREFIX_BYTES - LENGTH_BYTES} to ${this.maxFrameBytes}`;
      }
      if (length > bytes.length - at - LENGTH_BYTES) break;
      const frame = decodeFrame(bytes, at, at + LENGTH_BYTES + length);
      if (typeof frame === "string") return frame;
      frames.push(frame);
      at += LENGTH_BYTES + length;
    }
    if (at < bytes.length) this.keep(bytes.subarray(at));
    return null;
  }

  /**
   * The kept beginning and this chunk, once together they hold a frame; null = not yet. Each byte is joined
   * once.
   */
  private joined(chunk: Buffer): Buffer | null {
    if (this.keptBytes === 0) return chunk;
    this.keep(chunk);
    if (this.keptBytes < LENGTH_BYTES) return null;
    const first = this.kept[0]!;
    if (first.length < LENGTH_BYTES) this.kept = [Buffer.concat(this.kept)];
    const wanted = this.kept[0]!.readUInt32LE(0) + LENGTH_BYTES;
    if (this.keptBytes < wanted && wanted <= this.maxFrameBytes) return null;
    const joined = Buffer.concat(this.kept);
    this.kept = [];
    this.keptBytes = 0;
    return joined;
  }

  private keep(bytes: Buffer): void {
    this.kept.push(bytes);
    this.keptBytes += bytes.length;
  }
}

/** Returns the frame between `start` and `end`, or what is wrong with it. */
function decodeFrame(bytes: Buffer, start: number, end: number): Frame | string {
  const type = bytes[start + 4]!;
  const headerBytes = bytes.readUInt16LE(start + 6);
  const id = bytes.readUInt32LE(start + 8);
  const header = start + PREFIX_BYTES;
  const body = header + headerBytes;
  if (body > end) return `frame of type ${type} has a header of ${headerBytes} bytes in ${end - header}`;
  switch (type) {
    case FrameType.INFER:
      return headerBytes < INFER_HEADER_BYTES
        ? tooShort(type, headerBytes)
        : decodeInfer(bytes, { id, header, body, end });
    case FrameType.ANSWER:
      return headerBytes < ANSWER_HEADER_BYTES
        ? tooShort(type, headerBytes)
        : decodeAnswer(bytes, { id, header, body, end });
    case FrameType.REFUSAL:
      return headerBytes < REFUSAL_HEADER_BYTES
        ? tooShort(type, headerBytes)
        : decodeRefusal(bytes, { id, header, body, end });
    case FrameType.CANCEL:
      return { type: "cancel", id };
    case FrameType.DRAINING:
      return { type: "draining", id: 0 };
    case FrameType.GREETING:
      return { type: "greeting", id: 0 };
    case FrameType.CREDENTIAL:
      return { type: "credential", id: 0, credential: bytes.toString("utf8", body, end) };
    default:
      return `frame type ${type} is not known`;
  }
}

interface Place {
  readonly id: number;
  readonly header: number;
  readonly body: number;
  readonly end: number;
}

function tooShort(type: number, headerBytes: number): string {
  return `frame of type ${type} has a header of only ${headerBytes} bytes`;
}

function decodeInfer(bytes: Buffer, { id, header, body, end }: Place): Frame | string {
  const ids = header + 10;
  const sampled = bytes[header + 9] !== 0;
  const text = header + INFER_HEADER_BYTES;
  const textEnd = text + bytes.readUInt16LE(text - 2);
  if (textEnd > body) return "frame has a variant name that is longer than its header";
  return {
    type: "infer",
    id,
    timeoutMs: bytes.readDoubleLE(header),
    lane: bytes[header + 8]!,
    trace: sampled
      ? {
          traceId: bytes.toString("hex", ids, ids + 16),
          spanId: bytes.toString("hex", ids + 16, ids + 24),
          sampled,
        }
      : null,
    variant: asciiText(bytes, text, textEnd) ?? bytes.toString("utf8", text, textEnd),
    body: bytes.subarray(body, end),
  };
}

function decodeAnswer(bytes: Buffer, { id, header, body, end }: Place): Frame {
  return {
    type: "answer",
    id,
    queueMs: bytes.readDoubleLE(header),
    gatherMs: bytes.readDoubleLE(header + 8),
    runMs: bytes.readDoubleLE(header + 16),
    scatterMs: bytes.readDoubleLE(header + 24),
    executorMs: bytes.readDoubleLE(header + 32),
    batchSize: bytes.readUInt32LE(header + 40),
    load: readLoad(bytes, header + 44),
    body: bytes.subarray(body, end),
  };
}

function decodeRefusal(bytes: Buffer, { id, header, body, end }: Place): Frame {
  return {
    type: "refusal",
    id,
    code: bytes[header]!,
    retryAfterMs: bytes.readDoubleLE(header + 1),
    load: readLoad(bytes, header + 9),
    message: bytes.toString("utf8", body, end),
  };
}

function readLoad(bytes: Buffer, at: number): LinkLoad {
  return {
    drainMs: bytes.readDoubleLE(at),
    executorUtilisation: bytes.readDoubleLE(at + 8),
    memoryFreeBytes: bytes.readDoubleLE(at + 16),
    instanceQueuedRows: bytes.readUInt32LE(at + 24),
  };
}
