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
  /**
   * First and last byte, exclusive, of each token that JSON has no value for: NaN, Infinity and -Infinity, as
   * Python's `json` and Triton write them; and, where they are looked for, integers of more digits than a
   * double holds.
   */
  readonly bare: readonly number[];
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
  z: 0x7a,
  underscore: 0x5f,
} as const;
/** Makes a letter of ASCII small. */
const SMALL = 0x20;

const words = [Buffer.from("NaN"), Buffer.from("Infinity")] as const;

/**
 * Returns the shape of a JSON text in one pass; of what is no JSON, some shape. It is that of the beginning where
 * there are more than `bareMax` bare tokens: each costs more than the byte it is looked for by.
 */
export function shapeOf(bytes: Buffer, wideIntegers: boolean, bareMax: number): JsonShape {
  const bare: number[] = [];
  let names = 0;
  let nested = 0;
  let strings = 0;
  for (let at = 0; at < bytes.length && bare.length <= 2 * bareMax; ) {
    const byte = bytes[at]!;
    if (byte === char.quote) {
      strings += 1;
      at = behindString(bytes, at);
      continue;
    }
    if (byte === char.minus || isDigit(byte)) {
      const end = behindNumber(bytes, at);
      if (wideIntegers && end < 0 && -end - at > EXACT_DIGITS) bare.push(at, -end);
      at = Math.abs(end);
      continue;
    }
    if (byte === char.n || byte === char.i) {
      const end = behindWord(bytes, at);
      if (end > at) bare.push(bytes[at - 1] === char.minus ? at - 1 : at, end);
      at = Math.max(end, at + 1);
      continue;
    }
    if (byte === char.colon) names += 1;
    else if (byte === char.bracket || byte === char.brace) nested += 1;
    at += 1;
  }
  return { names, nested, strings, bare };
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
