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
const NOTHING = new Uint8Array(0);

/** Cuts a file of messages, each behind its length as a varint (`writeDelimitedTo` of protobuf), into those messages. */
export class DelimitedReader {
  private kept: Uint8Array = NOTHING;
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
    return this.kept.length > 0;
  }

  /** Takes the next bytes of the file; returns the messages that are whole by now, or why there can be none. */
  push(chunk: Uint8Array): Encoded<readonly DelimitedMessage[]> {
    let rest = this.kept.length === 0 ? chunk : Buffer.concat([this.kept, chunk]);
    const messages: DelimitedMessage[] = [];
    while (rest.length > 0) {
      const head = this.headOf(rest);
      if (!head.ok) return head;
      if (head.value === null || rest.length < head.value.offset + head.value.size) break;
      const end = head.value.offset + head.value.size;
      this.at += end;
      messages.push({ bytes: rest.subarray(head.value.offset, end), end: this.at });
      rest = rest.subarray(end);
    }
    // Copied: a view would hold all that was pushed.
    this.kept = rest.length === 0 ? NOTHING : Uint8Array.from(rest);
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
