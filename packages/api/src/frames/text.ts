/**
 * How many short texts are remembered. Names of models and tensors are few, and making a string costs more
 * than finding one.
 */
const REMEMBERED_MAX = 512;
/** Longer texts are made anew each time. */
const REMEMBERED_LENGTH_MAX = 48;

const remembered: string[] = new Array<string>(REMEMBERED_MAX).fill("");

/**
 * Returns the ASCII text at `start` (inclusive) to `end` (exclusive) of `bytes`; null when a byte is not
 * ASCII, and the caller decodes it with care. O(length); allocates nothing for a short text that was read
 * lately.
 */
export function asciiText(bytes: Uint8Array, start: number, end: number): string | null {
  const length = end - start;
  let hash = length;
  for (let i = start; i < end; i += 1) {
    const byte = bytes[i]!;
    if (byte > 0x7f) return null;
    hash = (Math.imul(hash, 31) + byte) | 0;
  }
  if (length > REMEMBERED_LENGTH_MAX) return latin(bytes, start, end);
  const slot = (hash >>> 0) % REMEMBERED_MAX;
  const candidate = remembered[slot]!;
  if (matches(candidate, bytes, start, length)) return candidate;
  const text = latin(bytes, start, end);
  remembered[slot] = text;
  return text;
}

function matches(text: string, bytes: Uint8Array, start: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i += 1) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}

function latin(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}
