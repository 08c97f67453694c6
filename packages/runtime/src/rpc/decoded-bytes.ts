import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

/** What a value costs once it is decoded, in bytes: measured with Node 20, rounded up to a power of two. */
const MESSAGE_COST = 512;
/** An entry of a map, or a field that the schema does not know. */
const ENTRY_COST = 256;
/** A text or byte string in a list. */
const TEXT_COST = 128;
/**
 * A number that the engine keeps as an object: of 64 bits, of floating point, or an unsigned one of 32 bits.
 */
const BOXED_COST = 32;
const SMALL_COST = 8;

/** Protobuf's own limits. */
const VARINT_BYTES_MAX = 10;
const DEPTH_MAX = 100;

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** How one field of a message is written, and what each of its values costs. */
interface FieldRule {
  readonly wire: number;
  readonly cost: number;
  /** A list of numbers, which may be written as one run of bytes. */
  readonly packable: boolean;
  /** Fields of the message it holds; null for a scalar. */
  readonly nested: FieldRules | null;
}
type FieldRules = ReadonlyMap<number, FieldRule>;

/**
 * Returns about how many bytes the objects take that `bytes` would be decoded to, beside texts and byte
 * strings themselves: two bytes on the wire may become an object of hundreds. Stops beyond `max`. Null = no
 * such message: broken, a field in a form that its type does not have, groups, or nested deeper than protobuf
 * allows. O(values), allocates nothing.
 */
export function decodedBytes(schema: DescMessage, bytes: Uint8Array, max: number): number | null {
  const walk = new Walk(bytes, max);
  return walk.message(rulesOf(schema), bytes.byteLength, 1) || walk.spent > max ? walk.spent : null;
}

class Walk {
  spent = MESSAGE_COST;
  private at = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly max: number,
  ) {}

  /** False = broken, or beyond the bound. */
  message(rules: FieldRules, end: number, depth: number): boolean {
    if (depth > DEPTH_MAX) return false;
    while (this.at < end) {
      const tag = this.varint(end);
      if (tag < 8 || tag > 0xffff_ffff || !this.field(tag & 7, rules.get(tag >>> 3), end, depth))
        return false;
      if (this.spent > this.max) return false;
    }
    return true;
  }

  private field(wire: number, rule: FieldRule | undefined, end: number, depth: number): boolean {
    const { nested, packable, cost } = rule ?? unknownField;
    const isRun = packable && wire === BYTES;
    if (rule !== undefined && wire !== rule.wire && !isRun) return false;
    if (!isRun) this.spent += cost;
    switch (wire) {
      case VARINT:
        return this.varint(end) >= 0;
      case FIXED64:
        return this.advance(8, end);
      case FIXED32:
        return this.advance(4, end);
      case BYTES: {
        const length = this.varint(end);
        if (length < 0 || length > end - this.at) return false;
        if (nested !== null) return this.message(nested, this.at + length, depth + 1);
        if (rule !== undefined && isRun) this.packed(rule, length);
        return this.advance(length, end);
      }
      default:
        return false;
    }
  }

  /**
   * Numbers written as one run: those of variable length are counted only where as many as bytes would be too
   * many.
   */
  private packed({ wire, cost }: FieldRule, length: number): void {
    const each = wire === FIXED64 ? 8 : wire === FIXED32 ? 4 : 1;
    let count = Math.ceil(length / each);
    if (wire === VARINT && this.spent + count * cost > this.max) count = this.varintsIn(length);
    this.spent += count * cost;
  }

  private varintsIn(length: number): number {
    let count = 0;
    for (let at = this.at; at < this.at + length; at += 1) if (this.bytes[at]! < 0x80) count += 1;
    return count;
  }

  /** Below zero = broken. Bits beyond 2^53 are lost. */
  private varint(end: number): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < VARINT_BYTES_MAX && this.at < end; i += 1) {
      const byte = this.bytes[this.at]!;
      this.at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    return -1;
  }

  private advance(count: number, end: number): boolean {
    if (count > end - this.at) return false;
    this.at += count;
    return true;
  }
}

const unknownField = { nested: null, packable: false, cost: ENTRY_COST };

const known = new WeakMap<DescMessage, FieldRules>();

function rulesOf(schema: DescMessage): FieldRules {
  const before = known.get(schema);
  if (before !== undefined) return before;
  const rules = new Map<number, FieldRule>();
  // Known before its fields are: a message may hold its own kind.
  known.set(schema, rules);
  for (const field of schema.fields) rules.set(field.number, ruleOf(field));
  return rules;
}

function ruleOf(field: DescField): FieldRule {
  switch (field.fieldKind) {
    case "message":
      return holding(MESSAGE_COST, rulesOf(field.message));
    case "map":
      return holding(ENTRY_COST, entryRules(field));
    case "list":
      if (field.listKind === "message") return holding(MESSAGE_COST, rulesOf(field.message));
      return listed(field.listKind === "enum" ? ScalarType.INT32 : field.scalar);
    case "enum":
      return single(ScalarType.INT32);
    case "scalar":
      return single(field.scalar);
  }
}

function entryRules(field: DescField & { fieldKind: "map" }): FieldRules {
  const value =
    field.mapKind === "message"
      ? holding(MESSAGE_COST, rulesOf(field.message))
      : single(field.mapKind === "enum" ? ScalarType.INT32 : field.scalar);
  return new Map([
    [1, single(field.mapKey)],
    [2, value],
  ]);
}

function holding(cost: number, nested: FieldRules): FieldRule {
  return { wire: BYTES, cost, packable: false, nested };
}

function single(type: ScalarType): FieldRule {
  return { wire: wireOf(type), cost: 0, packable: false, nested: null };
}

function listed(type: ScalarType): FieldRule {
  const wire = wireOf(type);
  if (wire === BYTES) return { wire, cost: TEXT_COST, packable: false, nested: null };
  return { wire, cost: smallNumbers.has(type) ? SMALL_COST : BOXED_COST, packable: true, nested: null };
}

const smallNumbers: ReadonlySet<ScalarType> = new Set([ScalarType.BOOL, ScalarType.INT32, ScalarType.SINT32]);

function wireOf(type: ScalarType): number {
  switch (type) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return BYTES;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return FIXED64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return FIXED32;
    default:
      return VARINT;
  }
}
