/** Types of HTTP/2 frames (RFC 9113, section 6). */
export const frameType = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

/** Flags of HTTP/2 frames; one bit means different things on different types. */
export const frameFlag = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const;

/** What a client says first on a connection. */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** Bytes before the payload of each frame. */
export const frameHeadBytes = 9;

/** Returns one frame; `length` instead of the payload's true one makes it lie. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array,
  length = payload.length,
): Buffer {
  const bytes = Buffer.allocUnsafe(frameHeadBytes + payload.length);
  bytes.writeUIntBE(length & 0xff_ffff, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream >>> 0, 5);
  bytes.set(payload, frameHeadBytes);
  return bytes;
}

/** Returns a payload with so many bytes of padding around it, to be sent with the flag `padded`. */
export function padded(payload: Uint8Array, padBytes: number): Buffer {
  return Buffer.concat([Buffer.from([padBytes]), payload, Buffer.alloc(padBytes)]);
}

/** Settings by number (RFC 9113, section 6.5.2). */
export function settingsFrame(settings: Readonly<Record<number, number>>): Buffer {
  const payload = Buffer.concat(
    Object.entries(settings).map(([id, value]) => {
      const entry = Buffer.alloc(6);
      entry.writeUInt16BE(Number(id));
      entry.writeUInt32BE(value, 2);
      return entry;
    }),
  );
  return frame(frameType.settings, 0, 0, payload);
}

/** Lets the peer send so many bytes more; stream 0 is the connection. */
export function windowFrame(stream: number, bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(frameType.windowUpdate, 0, stream, payload);
}

/** Header fields as literals, neither indexed nor packed (RFC 7541, section 6.2.2). */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.from([0]), lengthAndText(name), lengthAndText(value)]),
  );
}

function lengthAndText(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const prefix = 127;
  if (bytes.length < prefix) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [prefix];
  let rest = bytes.length - prefix;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
  length.push(rest);
  return Buffer.concat([Buffer.from(length), bytes]);
}
