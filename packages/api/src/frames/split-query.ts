import { type InferParts, RAW_CONTENTS_TAG } from "./infer-parts";
import { varintBytes, writeVarint } from "./varint";

/** A QueryRequest in two, neither of them decoded. */
export interface SplitQuery {
  /** QueryRequest bytes without its tensors. */
  readonly head: Uint8Array;
  /** Its tensors, as fields of a ModelInferRequest; large contents are views of the query. */
  readonly tensors: InferParts;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const VARINT_BYTES_MAX = 10;

/** Fields of infaas.v1.QueryRequest that inference.ModelInferRequest has too. */
const INPUTS = 3;
const RAW_CONTENTS = 4;
/** The tag of inputs there. */
const INPUTS_TAG = (5 << 3) | BYTES;
/** The field of an input that holds its typed contents. */
const TYPED_CONTENTS = 5;
/** Typed contents without elements. */
const NO_ELEMENTS = Uint8Array.of((TYPED_CONTENTS << 3) | BYTES, 0);

/** Fields of one query, more than any may have: each tensor is one or two. */
export const QUERY_FIELDS_MAX = 16_384;

/** Fields of an input whose typed contents are not copied: name, datatype, shape, contents, and some parameters. */
export const INPUT_FIELDS_MAX = 64;

/**
 * Separates what is asked from the tensors it is asked of, or says why not. Contents of `largeMin` bytes and above are not
 * copied, raw or typed; typed ones have no elements in the skeleton. O(fields), and one copy of the rest.
 */
export function splitQuery(bytes: Uint8Array, largeMin: number): SplitQuery | "broken" | "too many fields" {
  const size = sizeOf(bytes, largeMin);
  if (typeof size === "string") return size;
  const head = Buffer.allocUnsafe(size.head);
  const skeleton = Buffer.allocUnsafe(size.tensors);
  const parts: Uint8Array[] = [];
  const fields = new FieldCursor(bytes);
  let headAt = 0;
  let tensorsAt = 0;
  let partAt = 0;
  let described = 0;
  while (fields.more) {
    fields.next();
    const { start, bodyAt, end } = fields;
    const kind = kindOf(fields, largeMin);
    if (kind === "asked") {
      head.set(bytes.subarray(start, end), headAt);
      headAt += end - start;
    } else if (kind === "large") {
      parts.push(skeleton.subarray(partAt, tensorsAt), LARGE_TAG, bytes.subarray(bodyAt, end));
      partAt = tensorsAt;
    } else if (kind === INPUTS_TAG && size.described[described]?.start === start) {
      const { head: input } = size.described[described++] as DescribedInput;
      parts.push(skeleton.subarray(partAt, tensorsAt), INPUT_TAG, bytes.subarray(bodyAt, end));
      skeleton.set(input, tensorsAt);
      tensorsAt += input.byteLength;
      partAt = tensorsAt;
    } else {
      skeleton[tensorsAt] = kind;
      skeleton.set(bytes.subarray(bodyAt, end), tensorsAt + 1);
      tensorsAt += 1 + end - bodyAt;
    }
  }
  parts.push(skeleton.subarray(partAt));
  return { head, tensors: { skeleton, parts } };
}

const LARGE_TAG = Uint8Array.of(RAW_CONTENTS_TAG);
const INPUT_TAG = Uint8Array.of(INPUTS_TAG);

/** An input with large typed contents, as the skeleton has it. */
interface DescribedInput {
  /** Where its field begins in the query. */
  readonly start: number;
  /** Its field in a ModelInferRequest. */
  readonly head: Uint8Array;
}

/** Bytes that are copied of a query that can be split. */
interface SplitSize {
  head: number;
  /** A tag takes one byte in a ModelInferRequest. */
  tensors: number;
  readonly described: DescribedInput[];
}

function sizeOf(bytes: Uint8Array, largeMin: number): SplitSize | "broken" | "too many fields" {
  const size: SplitSize = { head: 0, tensors: 0, described: [] };
  const fields = new FieldCursor(bytes);
  for (let count = 1; fields.more; count += 1) {
    if (count > QUERY_FIELDS_MAX) return "too many fields";
    if (!fields.next()) return "broken";
    const kind = kindOf(fields, largeMin);
    const head =
      kind === INPUTS_TAG ? describe(bytes.subarray(fields.end - fields.length, fields.end), largeMin) : null;
    if (head !== null) {
      size.described.push({ start: fields.start, head });
      size.tensors += head.byteLength;
    } else if (kind === "asked") size.head += fields.end - fields.start;
    else if (kind !== "large") size.tensors += 1 + fields.end - fields.bodyAt;
  }
  return size;
}

/** An input's field without the elements of its typed contents; null: these are not large, or are among much else. */
function describe(input: Uint8Array, largeMin: number): Uint8Array | null {
  if (input.byteLength < largeMin) return null;
  const fields = new FieldCursor(input);
  const kept: Uint8Array[] = [];
  let typed = 0;
  for (let count = 1; fields.more; count += 1) {
    if (count > INPUT_FIELDS_MAX || !fields.next()) return null;
    if (fields.number !== TYPED_CONTENTS) kept.push(input.subarray(fields.start, fields.end));
    else if (fields.wire !== BYTES || fields.length < largeMin || ++typed > 1) return null;
  }
  if (typed === 0) return null;
  const body = Buffer.concat([...kept, NO_ELEMENTS]);
  const head = new Uint8Array(1 + varintBytes(body.byteLength) + body.byteLength);
  head[0] = INPUTS_TAG;
  head.set(body, writeVarint(head, 1, body.byteLength));
  return head;
}

/** What is asked, large contents, or another part of a tensor: its tag in a ModelInferRequest. */
function kindOf({ number, wire, length }: FieldCursor, largeMin: number): "asked" | "large" | number {
  if (wire !== BYTES) return "asked";
  if (number === INPUTS) return INPUTS_TAG;
  if (number !== RAW_CONTENTS) return "asked";
  return length < largeMin ? RAW_CONTENTS_TAG : "large";
}

/** Goes from field to field of a message without looking into them. */
class FieldCursor {
  number = 0;
  wire = 0;
  /** Where the field's tag begins, where what follows it does, and where the field ends. */
  start = 0;
  bodyAt = 0;
  end = 0;
  /** Of a length-delimited field. */
  length = 0;

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
        this.length = this.varint();
        return this.length >= 0 && this.advance(this.length);
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
