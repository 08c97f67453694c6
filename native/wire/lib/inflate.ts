import { gunzip, inflate } from "node:zlib";
import { encoding } from "./mail";

/** Why a packed message could not be had: `tooLarge` = it would be larger than allowed. */
export interface InflateFault {
  readonly tooLarge: boolean;
  readonly message: string;
}

/** Unpacks a message to at most `maxBytes`; calls back later, once, with one of the two. */
export function inflateMessage(
  packed: Buffer,
  how: number,
  maxBytes: number,
  done: (bytes: Buffer | null, fault: InflateFault | null) => void,
): void {
  const unpack = how === encoding.gzip ? gunzip : inflate;
  unpack(packed, { maxOutputLength: maxBytes }, (error, bytes) => {
    if (error === null) return done(bytes, null);
    const tooLarge = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    const message = tooLarge
      ? `message unpacks to more than ${maxBytes} bytes`
      : `message is not readable ${how === encoding.gzip ? "gzip" : "deflate"}: ${error.message}`;
    done(null, { tooLarge, message });
  });
}
