/** How a field of a protobuf message is written; `fixed` is of four or eight bytes. */
export type FieldKind = "varint" | "message" | "fixed";

/** Fields that are looked at; a file of more is not told apart. */
const FIELDS_LOOKED_AT = 100_000;
/** Bytes of a tag and a length, ten each at the most. */
const HEAD_BYTES = 20;

/**
 * Returns the numbers of a protobuf message's own fields, each with the kind of its first occurrence; null where the
 * bytes are no whole message. What fields hold is not read.
 */
export function topLevelFields(
  size: number,
  read: (offset: number, length: number) => Uint8Array,
): ReadonlyMap<number, FieldKind> | null {
  const fields = new Map<number, FieldKind>();
  let at = 0;
  for (let count = 0; at < size; count += 1) {
    const head = read(at, HEAD_BYTES);
    const tag = varint(head, 0);
    if (count === FIELDS_LOOKED_AT || tag === null || tag.value < 8) return null;
    const field = fieldBehind(head, tag);
    if (field === null) return null;
    const number = Math.floor(tag.value / 8);
    if (!fields.has(number)) fields.set(number, field.kind);
    at += field.bytes;
  }
  return at === size && size > 0 ? fields : null;
}

/** Kind of a field and its bytes, those of its tag included. */
function fieldBehind(head: Uint8Array, tag: Varint): { kind: FieldKind; bytes: number } | null {
  const wireType = tag.value % 8;
  if (wireType === 1) return { kind: "fixed", bytes: tag.end + 8 };
  if (wireType === 5) return { kind: "fixed", bytes: tag.end + 4 };
  const next = varint(head, tag.end);
  if (next === null) return null;
  if (wireType === 0) return { kind: "varint", bytes: next.end };
  return wireType === 2 ? { kind: "message", bytes: next.end + next.value } : null;
}

interface Varint {
  readonly value: number;
  /** Where the next byte is. */
  readonly end: number;
}

function varint(bytes: Uint8Array, start: number): Varint | null {
  let [value, factor] = [0, 1];
  for (let at = start; at < Math.min(bytes.length, start + 10); at += 1) {
    const byte = bytes[at] ?? 0;
    value += (byte & 127) * factor;
    if (byte < 128) return { value, end: at + 1 };
    factor *= 128;
  }
  return null;
}
