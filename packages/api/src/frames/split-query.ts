/** A QueryRequest in two parts, neither of them decoded. */
export interface SplitQuery {
  /** QueryRequest bytes without its tensors. */
  readonly head: Uint8Array;
  /** Its tensors, as fields of a ModelInferRequest. */
  readonly tensors: Uint8Array;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const VARINT_BYTES_MAX = 10;

/**
 * Fields of infaas.v1.QueryRequest that inference.ModelInferRequest has too, by its number there: inputs and
 * raw contents.
 */
const numberThere: ReadonlyMap<number, number> = new Map([
  [3, 5],
  [4, 7],
]);

/** Fields of one query, more than any may have: each tensor is one or two. */
export const QUERY_FIELDS_MAX = 16_384;

/** Separates what is asked from the tensors it is asked of, or says why not. O(fields) and one copy. */
export function splitQuery(bytes: Uint8Array): SplitQuery | "broken" | "too many fields" {
  // Neither part is longer than the whole: a field keeps its length, and its tag takes one byte in either
  // message.
  const head = Buffer.allocUnsafe(bytes.byteLength);
  const tensors = Buffer.allocUnsafe(bytes.byteLength);
  const fields = new FieldCursor(bytes);
  let headAt = 0;
  let tensorsAt = 0;
  for (let count = 1; fields.more; count += 1) {
    if (count > QUERY_FIELDS_MAX) return "too many fields";
    if (!fields.next()) return "broken";
    const { number, wire, start, bodyAt, end } = fields;
    const there = wire === BYTES ? numberThere.get(number) : undefined;
    if (there === undefined) {
      head.set(bytes.subarray(start, end), headAt);
      headAt += end - start;
    } else {
      tensors[tensorsAt] = (there << 3) | BYTES;
      tensors.set(bytes.subarray(bodyAt, end), tensorsAt + 1);
      tensorsAt += 1 + end - bodyAt;
    }
  }
  return { head: head.subarray(0, headAt), tensors: tensors.subarray(0, tensorsAt) };
}

/** Goes from field to field of a message without looking into them. */
class FieldCursor {
  number = 0;
  wire = 0;
  /** Where the field's tag begins, where what follows it does, and where the field ends. */
  start = 0;
  bodyAt = 0;
  end = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get more(): boolean {
    return this.end < this.bytes.byteLength;
  }

  /** False = broken, or in a form that no field has any more (groups). */
  next(): boolean {
    this.start = this.end;
    const tag = this.varint();
    if (tag < 8 || tag > 0xffff_ffff) return false;
    this.number = tag >>> 3;
    this.wire = tag & 7;
    this.bodyAt = this.end;
    switch (this.wire) {
      case VARINT:
        return this.varint() >= 0;
      case FIXED64:
        return this.advance(8);
      case FIXED32:
        return this.advance(4);
      case BYTES: {
        const length = this.varint();
        return length >= 0 && this.advance(length);
      }
      default:
        return false;
    }
  }

  /** Below zero = broken. */
  private varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < VARINT_BYTES_MAX && this.end < this.bytes.byteLength; i += 1) {
      const byte = this.bytes[this.end]!;
      this.end += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    return -1;
  }

  private advance(count: number): boolean {
    if (count > this.bytes.byteLength - this.end) return false;
    this.end += count;
    return true;
  }
}
