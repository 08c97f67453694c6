import { varintBytes, writeVarint } from "./varint";

const INITIAL_BYTES = 4 * 1024;

/**
 * Writes protobuf fields into one buffer that is kept between messages. The library's writer makes an array
 * and a fork per nested field, several microseconds for an answer's head; this makes one copy of the result.
 * Not re-entrant.
 */
export class WireBuffer {
  private bytes = Buffer.alloc(INITIAL_BYTES);
  private at = 0;

  /** Forgets what was written. */
  reset(): void {
    this.at = 0;
  }

  /** Returns a copy of what was written since `reset`. */
  take(): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.at));
  }

  /** A field of text; the empty text is left out, as proto3 does. */
  text(field: number, text: string): void {
    if (text === "") return;
    const start = this.begin(field);
    this.reserve(text.length * 3);
    let at = this.at;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        at = this.at + this.bytes.write(text, this.at, "utf8");
        break;
      }
      this.bytes[at] = code;
      at += 1;
    }
    this.at = at;
    this.end(start);
  }

  /** A field that is an unsigned integer. */
  varint(field: number, value: number): void {
    this.reserve(20);
    this.at = writeVarint(this.bytes, this.at, field * 8);
    this.at = writeVarint(this.bytes, this.at, value);
  }

  /** A field that is an int64; negative ones take ten bytes. */
  int64(field: number, value: bigint): void {
    this.reserve(20);
    this.at = writeVarint(this.bytes, this.at, field * 8);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 128n) {
      this.bytes[this.at] = Number(rest & 0x7fn) | 0x80;
      this.at += 1;
      rest >>= 7n;
    }
    this.bytes[this.at] = Number(rest);
    this.at += 1;
  }

  /** A field that is a double. */
  double(field: number, value: number): void {
    this.reserve(20);
    this.at = writeVarint(this.bytes, this.at, field * 8 + 1);
    this.at = this.bytes.writeDoubleLE(value, this.at);
  }

  /** One non-negative integer without a tag, inside a packed field. */
  packed(value: number): void {
    this.reserve(10);
    this.at = writeVarint(this.bytes, this.at, value);
  }

  /** Begins a nested field; give what it returns to `end`. */
  begin(field: number): number {
    this.reserve(10);
    this.at = writeVarint(this.bytes, this.at, field * 8 + 2);
    this.at += 1;
    return this.at;
  }

  /**
   * Ends the nested field: its length goes before it, and it moves up if that takes more than the one byte
   * kept free.
   */
  end(start: number): void {
    const length = this.at - start;
    const extra = varintBytes(length) - 1;
    if (extra > 0) {
      this.reserve(extra);
      this.bytes.copyWithin(start + extra, start, this.at);
      this.at += extra;
    }
    writeVarint(this.bytes, start - 1, length);
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return;
    const larger = Buffer.alloc(Math.max(this.bytes.length * 2, this.at + bytes));
    this.bytes.copy(larger, 0, 0, this.at);
    this.bytes = larger;
  }
}
