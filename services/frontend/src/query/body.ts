/** Bytes of a message that may lie outside of JavaScript. */
export interface Body {
  readonly byteLength: number;
  /** The bytes, copied where they lie outside; those of an answer only while its listener is called. */
  bytes(): Uint8Array;
}

/** A body in JavaScript's own memory. */
export class BytesBody implements Body {
  readonly byteLength: number;

  constructor(private readonly held: Uint8Array) {
    this.byteLength = held.byteLength;
  }

  bytes(): Uint8Array {
    return this.held;
  }
}

/** Contents of this size and above are not joined with the rest of their message, but sent from where they lie. */
export const LARGE_CONTENTS_MIN = 64 * 1024;

/** A body in parts that are sent one after another. */
export class PartsBody implements Body {
  readonly byteLength: number;

  constructor(readonly parts: readonly Uint8Array[]) {
    this.byteLength = parts.reduce((sum, part) => sum + part.byteLength, 0);
  }

  /** Joined anew each time. */
  bytes(): Uint8Array {
    return Buffer.concat(this.parts, this.byteLength);
  }
}
