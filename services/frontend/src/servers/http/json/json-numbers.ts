import type { NumberList } from "@infaas/api";

/** Where a list of numbers stands in a JSON text, and what it holds. */
export interface NumbersRead {
  /** Its first byte, and the byte behind it. */
  readonly start: number;
  readonly end: number;
  readonly list: NumberList;
  /** Arrays that it is made of, itself included. */
  readonly arrays: number;
  /** Numbers that took the long way. */
  readonly long: number;
}

/** Numbers of more digits, or of powers of ten beyond, are no quotient or product of two doubles that are exact. */
const EXACT_DIGITS = 15;
const EXACT_POWER = 22;
const powers = Float64Array.from({ length: EXACT_POWER + 1 }, (_, power) => Number(`1e${power}`));
/** Arrays within arrays that are flattened: as many dimensions as a tensor in JSON may have. */
const DEEPEST = 32;
const ROOM_FIRST = 256;
/** Bytes of JSON text that are read at once: two milliseconds of short numbers, four of long ones. */
export const STEP_BYTES = 131_072;

const char = {
  tab: 0x09,
  newline: 0x0a,
  return: 0x0d,
  space: 0x20,
  plus: 0x2b,
  comma: 0x2c,
  minus: 0x2d,
  dot: 0x2e,
  zero: 0x30,
  nine: 0x39,
  open: 0x5b,
  close: 0x5d,
  e: 0x65,
  I: 0x49,
  N: 0x4e,
} as const;
/** Makes a letter of ASCII small. */
const SMALL = 0x20;
const words = { nan: Buffer.from("NaN"), infinity: Buffer.from("Infinity") } as const;

/** Bounds of reading a list. */
export interface NumbersOptions {
  /** Keep integers that a double does not hold as text... */
  readonly wide: boolean;
  /** ...at most so many. */
  readonly wideMax: number;
  /** Numbers that take the long way, beyond which no more is read. */
  readonly longMax: number;
}

/**
 * Reads the array that begins at `from`, if it holds nothing but numbers, NaN, Infinity and arrays of them: flattened, exact as
 * `JSON.parse` has them. With more than `longMax` long numbers the beginning up to there. A number
 * instead: the byte at which it is something else. Yields after every `STEP_BYTES`, so that others who share the thread may have
 * their turn.
 */
export function* readNumbers(
  bytes: Buffer,
  from: number,
  o: NumbersOptions,
): Generator<void, NumbersRead | number, void> {
  return yield* new NumberReader(bytes, from, o).read();
}

class NumberReader {
  private values = new Float64Array(ROOM_FIRST);
  private count = 0;
  private long = 0;
  private readonly wide = new Map<number, string>();
  /** Where the last step ended: arrays open and begun, whether a value may stand there, and whether the array may end. */
  private state;
  /** What is read, as text: made when the first long number comes. */
  private text = "";

  constructor(
    private readonly bytes: Buffer,
    private readonly from: number,
    private readonly o: NumbersOptions,
  ) {
    this.state = { at: from, depth: 0, arrays: 0, mayStand: true, mayEnd: false };
  }

  *read(): Generator<void, NumbersRead | number, void> {
    for (;;) {
      const end = this.step();
      if (end !== null) return end;
      yield;
    }
  }

  /** Reads on for `STEP_BYTES`; null: the array goes on. A function of its own, since loops of generators are slower. */
  private step(): NumbersRead | number | null {
    const { bytes } = this;
    let { at, depth, arrays, mayStand, mayEnd } = this.state;
    for (const pauseAt = at + STEP_BYTES; at < pauseAt; ) {
      const byte = at < bytes.length ? bytes[at]! : 0;
      if (byte === char.comma) {
        if (mayStand) return at;
        mayStand = true;
        mayEnd = false;
        at += 1;
      } else if (byte === char.minus || isDigit(byte) || byte === char.N || byte === char.I) {
        const end = mayStand ? this.value(at, byte) : at;
        if (end === at) return at;
        if (this.long > this.o.longMax) return this.ended(arrays, end);
        mayStand = false;
        at = end;
      } else if (byte === char.open) {
        depth += 1;
        arrays += 1;
        if (!mayStand || depth > DEEPEST) return at;
        mayEnd = true;
        at += 1;
      } else if (byte === char.close) {
        if (mayStand && !mayEnd) return at;
        depth -= 1;
        at += 1;
        if (depth === 0) return this.ended(arrays, at);
        mayStand = false;
      } else if (isSpace(byte)) {
        at += 1;
      } else return at;
    }
    this.state = { at, depth, arrays, mayStand, mayEnd };
    return null;
  }

  private ended(arrays: number, end: number): NumbersRead {
    const list = { values: this.values.subarray(0, this.count), wide: this.wide };
    return { start: this.from, end, list, arrays, long: this.long };
  }

  /** Reads a number or a word for one; returns the byte behind it, or `at` where there is none. */
  private value(at: number, byte: number): number {
    if (byte === char.N) return this.word(words.nan, at, at, Number.NaN);
    if (byte === char.I) return this.word(words.infinity, at, at, Number.POSITIVE_INFINITY);
    if (byte !== char.minus) return this.number(at, at);
    if (this.bytes[at + 1] === char.I) return this.word(words.infinity, at, at + 1, Number.NEGATIVE_INFINITY);
    return this.number(at, at + 1);
  }

  private word(word: Buffer, at: number, start: number, value: number): number {
    const end = start + word.length;
    if (end > this.bytes.length || this.bytes.compare(word, 0, word.length, start, end) !== 0) return at;
    this.push(value);
    return end;
  }

  /** Reads a number that begins at `first`, and its digits at `start`, as JSON has them. */
  private number(first: number, start: number): number {
    const { bytes } = this;
    let at = start;
    let mantissa = 0;
    let byte = bytes[at]! | 0;
    if (!isDigit(byte)) return first;
    do {
      mantissa = mantissa * 10 + (byte - char.zero);
      at += 1;
      byte = bytes[at]! | 0;
    } while (isDigit(byte));
    if (at - start > 1 && bytes[start] === char.zero) return first;
    if (byte === char.comma && at - start <= EXACT_DIGITS) {
      this.push(start > first ? -mantissa : mantissa);
      return at;
    }
    return this.fraction(first, start, at, mantissa);
  }

  /** Goes on behind the whole part of a number, which ends at `whole`. */
  private fraction(first: number, start: number, whole: number, wholeMantissa: number): number {
    const { bytes } = this;
    let at = whole;
    let mantissa = wholeMantissa;
    let digits = at - start;
    let power = 0;
    let byte = bytes[at]! | 0;
    if (byte === char.dot) {
      at += 1;
      for (byte = bytes[at]! | 0; isDigit(byte); byte = bytes[at]! | 0) {
        mantissa = mantissa * 10 + (byte - char.zero);
        if (mantissa > 0) digits += 1;
        at += 1;
      }
      power = whole + 1 - at;
      if (power === 0) return first;
    }
    if ((byte | SMALL) === char.e) {
      at += 1;
      byte = bytes[at]! | 0;
      const negative = byte === char.minus;
      if (negative || byte === char.plus) at += 1;
      const digitsAt = at;
      let exponent = 0;
      for (byte = bytes[at]! | 0; isDigit(byte); byte = bytes[at]! | 0) {
        exponent = exponent * 10 + (byte - char.zero);
        at += 1;
      }
      if (at === digitsAt) return first;
      power += negative ? -exponent : exponent;
    }
    if (digits > EXACT_DIGITS || power < -EXACT_POWER || power > EXACT_POWER)
      return this.longNumber(first, at, at === whole);
    const size = power < 0 ? mantissa / powers[-power]! : mantissa * powers[power]!;
    this.push(start > first ? -size : size);
    return at;
  }

  private longNumber(first: number, end: number, isWhole: boolean): number {
    if (this.text === "") this.text = this.bytes.toString("latin1", this.from);
    const text = this.text.slice(first - this.from, end - this.from);
    const value = Number(text);
    // What is beyond the largest double is nobody's infinity.
    if (!Number.isFinite(value)) return first;
    if (isWhole && this.o.wide) {
      if (this.wide.size === this.o.wideMax) return first;
      this.wide.set(this.count, text);
    }
    this.long += 1;
    this.push(value);
    return end;
  }

  private push(value: number): void {
    if (this.count === this.values.length) {
      const larger = new Float64Array(4 * this.count);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[this.count] = value;
    this.count += 1;
  }
}

function isSpace(byte: number): boolean {
  return byte === char.space || byte === char.newline || byte === char.return || byte === char.tab;
}

function isDigit(byte: number): boolean {
  return byte >= char.zero && byte <= char.nine;
}
