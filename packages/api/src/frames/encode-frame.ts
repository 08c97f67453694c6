import {
  ANSWER_HEADER_BYTES,
  FrameType,
  INFER_HEADER_BYTES,
  type InferFrame,
  LENGTH_BYTES,
  type LinkLoad,
  type OutgoingFrame,
  PREFIX_BYTES,
  REFUSAL_HEADER_BYTES,
  type RefusalFrame,
} from "./link-frame";
import { varintBytes, writeVarint } from "./varint";

type OutgoingAnswer = Extract<OutgoingFrame, { type: "answer" }>;

/** Tag of field 1, length-delimited: `frames` of LinkRequest and LinkResponse. */
const FRAMES_TAG = 0x0a;

/** Returns the parts of one frame, to be sent one after another; bodies are parts by reference. */
export function encodeFrame(f: OutgoingFrame): Uint8Array[] {
  switch (f.type) {
    case "infer":
      return [inferHead(f), f.body];
    case "answer":
      return answerParts(f);
    case "refusal":
      return refusalParts(f);
    case "cancel":
      return [bare(FrameType.CANCEL, f.id)];
    case "draining":
      return [bare(FrameType.DRAINING, f.id)];
    case "greeting":
      return [bare(FrameType.GREETING, f.id)];
    case "credential":
      return credentialParts(f.credential);
  }
}

/** Bytes in parts that grpc-js writes straight into its own frame (GatherMessage of the runtime). */
export interface LinkMessage {
  readonly length: number;
  readonly byteLength: number;
  copy(target: Uint8Array, offset: number): number;
}

/**
 * Returns one LinkRequest or LinkResponse around whole frames. The parts must stay untouched until it was
 * sent.
 */
export function linkMessage(parts: readonly Uint8Array[]): LinkMessage {
  let bytes = 0;
  for (const part of parts) bytes += part.byteLength;
  const total = 1 + varintBytes(bytes) + bytes;
  return {
    length: total,
    byteLength: total,
    copy: (target, offset) => {
      target[offset] = FRAMES_TAG;
      let at = writeVarint(target, offset + 1, bytes);
      for (const part of parts) {
        target.set(part, at);
        at += part.byteLength;
      }
      return total;
    },
  };
}

function start(type: number, id: number, headerBytes: number, bodyBytes: number): Buffer {
  const head = Buffer.allocUnsafe(PREFIX_BYTES + headerBytes);
  head.writeUInt32LE(PREFIX_BYTES - LENGTH_BYTES + headerBytes + bodyBytes, 0);
  head[4] = type;
  head[5] = 0;
  head.writeUInt16LE(headerBytes, 6);
  head.writeUInt32LE(id, 8);
  return head;
}

function bare(type: number, id: number): Buffer {
  return start(type, id, 0, 0);
}

function credentialParts(credential: string): Uint8Array[] {
  const body = Buffer.from(credential);
  return [start(FrameType.CREDENTIAL, 0, 0, body.byteLength), body];
}

function inferHead(f: InferFrame): Buffer {
  const variantBytes = Buffer.byteLength(f.variant);
  const head = start(FrameType.INFER, f.id, INFER_HEADER_BYTES + variantBytes, f.body.byteLength);
  let at = head.writeDoubleLE(f.timeoutMs, PREFIX_BYTES);
  head[at] = f.lane;
  head[at + 1] = f.trace?.sampled ? 1 : 0;
  at += 2;
  if (f.trace === null) {
    head.fill(0, at, at + 24);
  } else {
    head.write(f.trace.traceId, at, 16, "hex");
    head.write(f.trace.spanId, at + 16, 8, "hex");
  }
  at = head.writeUInt16LE(variantBytes, at + 24);
  head.write(f.variant, at, "utf8");
  return head;
}

function answerParts(f: OutgoingAnswer): Uint8Array[] {
  const body = f.body instanceof Uint8Array ? [f.body] : f.body;
  let bodyBytes = 0;
  for (const part of body) bodyBytes += part.byteLength;
  const head = start(FrameType.ANSWER, f.id, ANSWER_HEADER_BYTES, bodyBytes);
  let at = head.writeDoubleLE(f.queueMs, PREFIX_BYTES);
  at = head.writeDoubleLE(f.gatherMs, at);
  at = head.writeDoubleLE(f.runMs, at);
  at = head.writeDoubleLE(f.scatterMs, at);
  at = head.writeDoubleLE(f.executorMs, at);
  at = head.writeUInt32LE(f.batchSize, at);
  writeLoad(head, at, f.load);
  return [head, ...body];
}

function refusalParts(f: RefusalFrame): Uint8Array[] {
  const message = Buffer.from(f.message, "utf8");
  const head = start(FrameType.REFUSAL, f.id, REFUSAL_HEADER_BYTES, message.byteLength);
  head[PREFIX_BYTES] = f.code;
  const at = head.writeDoubleLE(f.retryAfterMs, PREFIX_BYTES + 1);
  writeLoad(head, at, f.load);
  return [head, message];
}

function writeLoad(head: Buffer, offset: number, load: LinkLoad): void {
  let at = head.writeDoubleLE(load.drainMs, offset);
  at = head.writeDoubleLE(load.executorUtilisation, at);
  at = head.writeDoubleLE(load.memoryFreeBytes, at);
  head.writeUInt32LE(load.instanceQueuedRows, at);
}
