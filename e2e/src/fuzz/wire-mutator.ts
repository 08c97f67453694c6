import type { Random } from "@infaas/runtime";

/** One field of a protobuf message as it lies on the wire. */
interface Field {
  number: number;
  wireType: number;
  /** Of a varint or a fixed field: its bytes; of a length-delimited one: what the length counts. */
  bytes: Buffer;
  /** Length that is written instead of the true one. */
  lie: number | null;
}

type Change = (message: Buffer, random: Random) => Buffer;

const varint = 0;
const fixed64 = 1;
const delimited = 2;
const groupStart = 3;
const fixed32 = 5;

/** Values that have broken decoders before: signs, powers of two and their neighbours, more than 64 bits. */
const hugeVarints = [
  "ffffffff0f",
  "ffffffffffffffffff01",
  "80808080808080808001",
  "ffffffffffffffffffffff01",
];
const strings = [
  "",
  "a".repeat(70_000),
  "../../../../etc/passwd",
  "\u0000",
  "\ud83d\ude00",
  "sha256:..%2f..",
  "%s%n",
];
const nestedMax = 20_000;
/** Fields are not repeated beyond this: larger messages only show how fast memory is copied. */
const repeatedBytesMax = 2 * 1024 * 1024;

/**
 * Returns the message with one to four faults in its structure: fields lost, repeated, out of order, of
 * another type or number, with lengths that lie, extreme values, groups in groups; or bytes cut off and
 * flipped. Often still readable, so that what lies behind decoding is reached too.
 */
export function mutateMessage(message: Buffer, random: Random): Buffer {
  let mutated = message;
  const count = 1 + below(random, 4);
  for (let i = 0; i < count; i++) mutated = pick(changes, random)(mutated, random);
  return mutated;
}

const structural =
  (change: (fields: Field[], at: number, random: Random) => void): Change =>
  (message, random) => {
    const fields = readFields(message);
    if (fields === null || fields.length === 0) return flipByte(message, random);
    change(fields, below(random, fields.length), random);
    return writeFields(fields);
  };

const flipByte: Change = (message, random) => {
  if (message.length === 0) return Buffer.from([below(random, 256)]);
  const flipped = Buffer.from(message);
  const at = below(random, flipped.length);
  flipped[at] = flipped[at]! ^ (1 << below(random, 8));
  return flipped;
};

const inside: Change = structural((fields, at, random) => {
  const field = fields[at]!;
  if (field.wireType === delimited) field.bytes = pick(changes, random)(field.bytes, random);
});

const changes: readonly Change[] = [
  inside,
  inside,
  inside,
  structural((fields, at) => fields.splice(at, 1)),
  structural((fields, at) => fields.push({ ...fields[at]! })),
  structural((fields, at, random) => fields.splice(below(random, fields.length), 0, ...fields.splice(at, 1))),
  structural((fields, at, random) => {
    fields[at]!.number = 1 + below(random, 20);
  }),
  structural((fields, at, random) => {
    fields[at]!.wireType = below(random, 8);
  }),
  structural((fields, at, random) => {
    fields[at]!.lie = pick([0, 1, fields[at]!.bytes.length + 1, 65_536, 0x7fff_ffff, 0xffff_ffff], random);
  }),
  structural((fields, at, random) => {
    fields[at]!.bytes = Buffer.from(pick(hugeVarints, random), "hex");
  }),
  structural((fields, at, random) => {
    fields[at]!.bytes = Buffer.from(pick(strings, random));
  }),
  structural((fields, at, random) => {
    const { number } = fields[at]!;
    fields[at]!.bytes = nested(number, spread(random, nestedMax), random);
  }),
  structural((fields, at, random) => {
    const field = fields[at]!;
    const count = Math.min(spread(random, 1_000), Math.floor(repeatedBytesMax / (field.bytes.length + 1)));
    for (let i = 0; i < count; i++) fields.push(field);
  }),
  structural((fields, _at, random) => {
    fields.push({
      number: 1 + below(random, 9),
      wireType: varint,
      bytes: encodeVarint(below(random, 1e9)),
      lie: null,
    });
  }),
  flipByte,
  (message, random) => message.subarray(0, below(random, message.length + 1)),
  (message, random) => Buffer.concat([message, randomBytes(random, below(random, 64))]),
  (_message, random) => randomBytes(random, below(random, 512)),
];

/** Groups in groups, or messages in messages, closed or not. */
function nested(number: number, depth: number, random: Random): Buffer {
  if (random.next() < 0.5) {
    const open = encodeVarint(number * 8 + groupStart);
    return Buffer.alloc(open.length * depth, open);
  }
  const heads: Buffer[] = [];
  let bytes = 0;
  for (let level = 0; level < Math.min(depth, 1_000); level++) {
    const head = Buffer.concat([encodeVarint(number * 8 + delimited), encodeVarint(bytes)]);
    heads.push(head);
    bytes += head.length;
  }
  return Buffer.concat(heads.reverse());
}

/** Null when it is no message any more. */
function readFields(message: Buffer): Field[] | null {
  const fields: Field[] = [];
  let at = 0;
  const next = (): number | null => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) return null;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return null;
  };
  while (at < message.length) {
    const tag = next();
    if (tag === null) return null;
    const wireType = tag % 8;
    let start = at;
    if (wireType === varint) while ((message[at++] ?? 0) >= 0x80);
    else if (wireType === fixed64) at += 8;
    else if (wireType === fixed32) at += 4;
    else if (wireType === delimited) {
      const length = next();
      if (length === null) return null;
      start = at;
      at += length;
    } else return null;
    if (at > message.length) return null;
    fields.push({ number: Math.floor(tag / 8), wireType, bytes: message.subarray(start, at), lie: null });
  }
  return fields;
}

function writeFields(fields: readonly Field[]): Buffer {
  const varintBytesMax = 10;
  const most = fields.reduce((sum, { bytes }) => sum + bytes.length + 2 * varintBytesMax, 0);
  const message = Buffer.allocUnsafe(most);
  let at = 0;
  for (const { number, wireType, bytes, lie } of fields) {
    at = putVarint(message, at, number * 8 + wireType);
    if (wireType === delimited) at = putVarint(message, at, lie ?? bytes.length);
    message.set(bytes, at);
    at += bytes.length;
  }
  return message.subarray(0, at);
}

function encodeVarint(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(10);
  return bytes.subarray(0, putVarint(bytes, 0, value));
}

/** Returns where what follows it goes. */
function putVarint(bytes: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes[at++] = (rest % 128) | 0x80;
  bytes[at++] = rest;
  return at;
}

/** Returns a whole number from 0 up to, and without, `bound`. */
export function below(random: Random, bound: number): number {
  return Math.floor(random.next() * bound);
}

/**
 * Returns a whole number from 1 to `most`, small ones as often as large ones: each power of ten has the same
 * share.
 */
export function spread(random: Random, most: number): number {
  return Math.floor(most ** random.next());
}

/** Returns one of a list that is not empty. */
export function pick<T>(list: readonly T[], random: Random): T {
  return list[below(random, list.length)]!;
}

/** Returns so many bytes of any value. */
export function randomBytes(random: Random, count: number): Buffer {
  const bytes = Buffer.allocUnsafe(count);
  for (let i = 0; i < count; i++) bytes[i] = below(random, 256);
  return bytes;
}
