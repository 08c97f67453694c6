import { sizeDelimitedPeek } from "@bufbuild/protobuf/wire";
import type { Encoded } from "../tensors/tensor";
import { varintBytes, writeVarint } from "./varint";

/** A message of a file, and where the next one begins in that. */
export interface DelimitedMessage {
  /** A view of what was pushed where it lay in one piece. */
  readonly bytes: Uint8Array;
  readonly end: number;
}

/** Most bytes of a varint that is a length. */
const LENGTH_BYTES = 5;

/** Cuts a file of messages, each behind its length as a varint (`writeDelimitedTo` of protobuf), into those messages. */
export class DelimitedReader {
  /** What was pushed and is no whole message yet. */
  private pieces: Uint8Array[] = [];
  private heldBytes = 0;
  /** With fewer there is nothing new to find. */
  private wantedBytes = 1;
  private at: number;

  /** `start` is where the first byte that is pushed lies in the file. */
  constructor(
    private readonly messageBytesMax: number,
    start = 0,
  ) {
    this.at = start;
  }

  /** Whether what was pushed ends within a message. */
  get isWithin(): boolean {
    return this.heldBytes > 0;
  }

  /** Takes the next bytes of the file; returns the messages that are whole by now, or why there can be none. */
  push(chunk: Uint8Array): Encoded<readonly DelimitedMessage[]> {
    this.pieces.push(chunk);
    this.heldBytes += chunk.length;
    const messages: DelimitedMessage[] = [];
    if (this.heldBytes < this.wantedBytes) return { ok: true, value: messages };
    let rest = this.pieces.length === 1 ? chunk : Buffer.concat(this.pieces);
    this.wantedBytes = 1;
    while (rest.length > 0) {
      const head = this.headOf(rest);
      if (!head.ok) return head;
      const end = head.value === null ? rest.length + 1 : head.value.offset + head.value.size;
      if (head.value === null || rest.length < end) {
        this.wantedBytes = end;
        break;
      }
      this.at += end;
      messages.push({ bytes: rest.subarray(head.value.offset, end), end: this.at });
      rest = rest.subarray(end);
    }
    // Copied: a view would hold all that was pushed.
    this.pieces = rest.length === 0 ? [] : [Uint8Array.from(rest)];
    this.heldBytes = rest.length;
    return { ok: true, value: messages };
  }

  /** Size of the next message and where it begins in `rest`; null: not all of the length is there. */
  private headOf(rest: Uint8Array): Encoded<{ readonly size: number; readonly offset: number } | null> {
    const length = rest.subarray(0, LENGTH_BYTES);
    const isWhole = length.some((byte) => byte < 0x80);
    if (!isWhole && length.length < LENGTH_BYTES) return { ok: true, value: null };
    if (!isWhole) return { ok: false, fault: `byte ${this.at} begins no length of a message` };
    const { size, offset } = sizeDelimitedPeek(length);
    if (size === null) return { ok: true, value: null };
    if (size > this.messageBytesMax) {
      const fault = `the message at byte ${this.at} has ${size} bytes, at most ${this.messageBytesMax} are taken`;
      return { ok: false, fault };
    }
    return { ok: true, value: { size, offset } };
  }
}

/** Returns a message behind its length. */
export function delimited(message: Uint8Array): Uint8Array {
  const written = new Uint8Array(varintBytes(message.length) + message.length);
  written.set(message, writeVarint(written, 0, message.length));
  return written;
}
