import { createGunzip, createInflate, type Gunzip, type Inflate } from "node:zlib";
import { encoding } from "./event-layout";

/** Why a packed message could not be had: too large itself, or too much is being unpacked at the time. */
export interface InflateFault {
  readonly kind: "tooLarge" | "tooMuch" | "unreadable";
  readonly message: string;
}

/** What unpacking may take. */
export interface InflateLimits {
  /** Of one message, unpacked. */
  readonly messageMaxBytes: number;
  /** Of all messages together while they are being unpacked. */
  readonly heldMaxBytes: number;
}

type Done = (bytes: Buffer | null, fault: InflateFault | null) => void;

/** Unpacks messages side by side. Memory is counted as it fills, not as it is announced: a small message may hold much. */
export class Inflater {
  /** Messages that were refused because all together held too much. */
  refused = 0;
  private heldBytes = 0;

  constructor(private readonly limits: InflateLimits) {}

  /** Unpacks one message; calls back later, once, with one of the two. */
  inflate(packed: Buffer, how: number, done: Done): void {
    const { messageMaxBytes, heldMaxBytes } = this.limits;
    const stream: Gunzip | Inflate = how === encoding.gzip ? createGunzip() : createInflate();
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle: Done = (unpacked, fault) => {
      stream.removeAllListeners("data").removeAllListeners("end").removeAllListeners("error");
      stream.once("error", () => undefined).destroy();
      this.heldBytes -= bytes;
      done(unpacked, fault);
    };
    const refuse = (kind: InflateFault["kind"], message: string) => settle(null, { kind, message });
    stream.on("data", (chunk: Buffer) => {
      bytes += chunk.byteLength;
      this.heldBytes += chunk.byteLength;
      chunks.push(chunk);
      if (bytes > messageMaxBytes)
        refuse("tooLarge", `message unpacks to more than ${messageMaxBytes} bytes`);
      else if (this.heldBytes > heldMaxBytes) {
        this.refused++;
        refuse("tooMuch", `messages being unpacked hold more than ${heldMaxBytes} bytes, try again later`);
      }
    });
    stream.once("end", () => settle(Buffer.concat(chunks, bytes), null));
    stream.once("error", (error) => {
      const name = how === encoding.gzip ? "gzip" : "deflate";
      refuse("unreadable", `message is not readable ${name}: ${error.message}`);
    });
    stream.end(packed);
  }
}
