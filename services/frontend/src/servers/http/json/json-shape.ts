import { type NumbersRead, readNumbers, STEP_BYTES } from "./json-numbers";

/**
 * What parsing a JSON text costs by: names, arrays and objects, and strings cost up to forty times what a
 * number does.
 */
export interface JsonShape {
  /** Names of members, of all objects together. */
  readonly names: number;
  /** Arrays and objects. */
  readonly nested: number;
  /** Strings, names among them. */
  readonly strings: number;
  /** Numbers, those of `lists` left out. */
  readonly numbers: number;
  /** Numbers of `lists` that took the long way: more than 15 digits, or far from 1. */
  readonly long: number;
  /** Values of members named `data` that are arrays of numbers alone, in order. */
  readonly lists: readonly NumbersRead[];
  /**
   * First and last byte, exclusive, of each token that JSON has no value for: NaN, Infinity and -Infinity, as
   * Python's `json` and Triton write them; and, where they are looked for, integers of more digits than a
   * double holds.
   */
  readonly bare: readonly number[];
}

/** How a text is looked at. */
export interface ShapeOptions {
  /** Look for integers that a double does not hold. */
  readonly wide: boolean;
  /** Read arrays of numbers at once. */
  readonly lists: boolean;
  /** Most of each kind; beyond any of them no more is looked at. */
  readonly most: ShapeLimits;
}

/** Limits of what a JSON text may hold. */
export interface ShapeLimits {
  readonly names: number;
  readonly nested: number;
  /** Strings and bare tokens together. */
  readonly strings: number;
  /** Numbers outside of lists. */
  readonly numbers: number;
  /** Long numbers of lists. */
  readonly long: number;
}

/** Digits that a double always holds exactly. */
const EXACT_DIGITS = 15;

const char = {
  quote: 0x22,
  backslash: 0x5c,
  colon: 0x3a,
  bracket: 0x5b,
  brace: 0x7b,
  zero: 0x30,
  nine: 0x39,
  plus: 0x2b,
  minus: 0x2d,
  dot: 0x2e,
  e: 0x65,
  n: 0x4e,
  i: 0x49,
  a: 0x61,
  d: 0x64,
  t: 0x74,
  z: 0x7a,
  underscore: 0x5f,
} as const;
/** Makes a letter of ASCII small. */
const SMALL = 0x20;

const words = [Buffer.from("NaN"), Buffer.from("Infinity")] as const;

/**
 * Returns the shape of a JSON text in one pass; of what is no JSON, some shape. It is that of the beginning where
 * more than `most` of a kind came. Yields as `readNumbers` does.
 */
export function* shapeOf(
  bytes: Buffer,
  { wide, most, lists: asked }: ShapeOptions,
): Generator<void, JsonShape, void> {
  const bare: number[] = [];
  const lists: NumbersRead[] = [];
  let names = 0;
  let nested = 0;
  let strings = 0;
  let numbers = 0;
  let long = 0;
  // What the latest text is, and whether it is the name of what comes next.
  let named = false;
  let isData = false;
  // No list is looked for before.
  let listsFrom = asked ? 0 : bytes.length;
  let pauseAt = STEP_BYTES;
  for (let at = 0; at < bytes.length; ) {
    if (at >= pauseAt) {
      pauseAt = at + STEP_BYTES;
      yield;
    }
    if (names > most.names || nested > most.nested || numbers > most.numbers || long > most.long) break;
    if (strings + bare.length / 2 > most.strings) break;
    const byte = bytes[at]!;
    if (byte === char.quote) {
      strings += 1;
      const end = behindString(bytes, at);
      named = isDataName(bytes, at, end);
      isData = false;
      at = end;
      continue;
    }
    if (byte === char.minus || isDigit(byte)) {
      const end = behindNumber(bytes, at);
      numbers += 1;
      if (wide && end < 0 && -end - at > EXACT_DIGITS) bare.push(at, -end);
      at = Math.abs(end);
      continue;
    }
    if (byte === char.n || byte === char.i) {
      const end = behindWord(bytes, at);
      if (end > at) bare.push(bytes[at - 1] === char.minus ? at - 1 : at, end);
      at = Math.max(end, at + 1);
      continue;
    }
    if (byte === char.colon) {
      names += 1;
      isData = named;
      named = false;
    } else if (byte === char.bracket && isData && at >= listsFrom) {
      isData = false;
      const read = yield* readNumbers(bytes, at, { wide, wideMax: most.strings, longMax: most.long - long });
      if (typeof read !== "number") {
        lists.push(read);
        nested += read.arrays;
        long += read.long;
        at = read.end;
        continue;
      }
      // What was read in vain is not read so again.
      listsFrom = read;
      nested += 1;
    } else if (byte === char.bracket || byte === char.brace) nested += 1;
    at += 1;
  }
  return { names, nested, strings, numbers, long, lists, bare };
}

/** Whether a text is the name of the member whose arrays are read at once. */
function isDataName(bytes: Buffer, quote: number, end: number): boolean {
  return (
    end - quote === 6 &&
    bytes[quote + 1] === char.d &&
    bytes[quote + 2] === char.a &&
    bytes[quote + 3] === char.t &&
    bytes[quote + 4] === char.a
  );
}

/** A text without end ends with the bytes. */
function behindString(bytes: Buffer, quote: number): number {
  let at = quote + 1;
  for (; at < bytes.length && bytes[at] !== char.quote; at += 1) if (bytes[at] === char.backslash) at += 1;
  return at + 1;
}

/** Negative when it is an integer. */
function behindNumber(bytes: Buffer, first: number): number {
  let integer = true;
  let at = first + 1;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at]!;
    if (isDigit(byte)) continue;
    if (byte !== char.dot && byte !== char.plus && byte !== char.minus && (byte | SMALL) !== char.e) break;
    integer = false;
  }
  return integer ? -at : at;
}

/** `first` itself when there is none, or more than it. */
function behindWord(bytes: Buffer, first: number): number {
  const word = words[bytes[first] === char.n ? 0 : 1];
  const end = first + word.length;
  const isAlone = !isOfWord(bytes[first - 1]) && !isOfWord(bytes[end]);
  return isAlone && bytes.compare(word, 0, word.length, first, Math.min(end, bytes.length)) === 0
    ? end
    : first;
}

function isOfWord(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const small = byte | SMALL;
  return isDigit(byte) || byte === char.underscore || (small >= char.a && small <= char.z);
}

function isDigit(byte: number): boolean {
  return byte >= char.zero && byte <= char.nine;
}
