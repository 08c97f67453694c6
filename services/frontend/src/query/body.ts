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
