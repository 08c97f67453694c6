import { type DataType, datatypeBytes, elementCount, encodeBytes, numberBytes } from "@infaas/api";
import type { TensorSignature } from "@infaas/onnx";
import { type Random, seededRandom } from "@infaas/runtime";
import { type GivenInput, listedRows, type RowSet, rowShape } from "./row-set";

/** Pseudo-random rows made when a task has no examples... */
const RANDOM_ROW_COUNT = 128;
/** ...or as many as fit here, for models whose rows are large... */
const RANDOM_ROWS_BYTES_MAX = 8 * 2 ** 20;
/** ...but no fewer than these. */
const RANDOM_ROW_COUNT_MIN = 8;
const RANDOM_SEED = 20_211;
/** Integers are drawn below this unless told: small enough to be a valid index into any table of two entries or more. */
const INTEGERS_BELOW = 2;
/** Rows differ in magnitude, each a quarter of the one before and round again, so that what is scaled by a whole batch shows. */
const MAGNITUDES = 3;
/** Length of each random word. */
const WORD_LETTERS = 6;
const WORD_LENGTH_BYTES = 4;
/** Hz; what speech models take where they ask for a sampling rate. */
const SAMPLING_RATE = 16_000;

/** Kinds of inputs that are recognised by name and take one value: all ones, all zeros, a length, a rate. */
const KINDS = [
  { kind: "mask", name: /mask/i },
  { kind: "segment", name: /token_type|segment_ids?$/i },
  { kind: "length", name: /(^|_)(len|lens|length|lengths)$/i },
  { kind: "rate", name: /^(sr|sample_?rate|sampling_?rate)$/i },
] as const;

/** How random rows are drawn. */
export interface RandomRowOptions {
  /** Whole shape of each input for one row; default: what the model states, with one row. */
  readonly shapes?: readonly (readonly number[])[];
  /** Default 2. */
  readonly integersBelow?: number;
  /** Default 0. */
  readonly integersFrom?: number;
  /** Whether floats are whole numbers as integers are: counts and sizes. Default: they lie within [-1, 1). */
  readonly wholeFloats?: boolean;
  /** Words to draw from, all of one length, by input; empty or absent: six letters. */
  readonly words?: ReadonlyMap<string, readonly string[]>;
  /** Values of inputs that are not drawn; `shapes` has their shapes. */
  readonly given?: ReadonlyMap<string, GivenInput>;
  /** Rows to make; default 128, fewer where they are large. */
  readonly count?: number;
}

/**
 * Pseudo-random rows, the same on every call: floats within [-1, 1), small non-negative integers, words of letters; masks
 * are ones, segment ids zeros, lengths the longest axis, sampling rates 16,000.
 * @throws ServiceError INVALID_ARGUMENT when an axis after the first is free and no shapes are given.
 */
export function randomRows(inputs: readonly TensorSignature[], o: RandomRowOptions = {}): RowSet {
  const shapes = o.shapes ?? inputs.map((input) => rowShape(input));
  const sizes = inputs.map((input, index) => randomBytes(input, shapes[index]!, o.words));
  const rowBytes = sizes.reduce((sum, size) => sum + size, 0);
  const fitting = Math.floor(RANDOM_ROWS_BYTES_MAX / Math.max(1, rowBytes));
  const count = o.count ?? Math.min(RANDOM_ROW_COUNT, Math.max(RANDOM_ROW_COUNT_MIN, fitting));
  const draw = new Draw(seededRandom(RANDOM_SEED), o, longestOf(shapes));
  const drawn = Array.from({ length: count }, (_, row) =>
    inputs.map((input, index) =>
      o.given?.has(input.name) ? null : draw.tensor(input, shapes[index]!, 4 ** -(row % MAGNITUDES)),
    ),
  );
  const valuesOf = (input: TensorSignature, index: number): GivenInput =>
    o.given?.get(input.name) ?? { shape: shapes[index]!, rows: drawn.map((row) => row[index]!) };
  return listedRows(inputs, inputs.map(valuesOf), count);
}

class Draw {
  constructor(
    private readonly random: Random,
    private readonly o: RandomRowOptions,
    private readonly longest: number,
  ) {}

  tensor(input: TensorSignature, shape: readonly number[], magnitude: number): Buffer {
    const { datatype } = input;
    const next = this.nextOf(input, magnitude);
    const values = Array.from({ length: elementCount(shape) }, next);
    return numberBytes(datatype, values) ?? this.texts(values.length, this.o.words?.get(input.name) ?? []);
  }

  private nextOf({ name, datatype }: TensorSignature, magnitude: number): () => number {
    const kind = KINDS.find((candidate) => candidate.name.test(name))?.kind;
    if (kind === "mask") return () => 1;
    if (kind === "segment") return () => 0;
    if (kind === "length" && !isReal(datatype)) return () => this.longest;
    if (kind === "rate") return () => SAMPLING_RATE;
    const { integersBelow = INTEGERS_BELOW, integersFrom = 0, wholeFloats = false } = this.o;
    if (isReal(datatype) && !wholeFloats) return () => (this.random.next() * 2 - 1) * magnitude;
    if (datatype === "BOOL") return () => Math.floor(this.random.next() * 2);
    return () => integersFrom + Math.floor(this.random.next() * (integersBelow - integersFrom));
  }

  private texts(count: number, words: readonly string[]): Buffer {
    if (words.length === 0) return Buffer.concat(Array.from({ length: count }, () => this.word()));
    const next = () => Buffer.from(words[Math.floor(this.random.next() * words.length)]!);
    return Buffer.from(encodeBytes(Array.from({ length: count }, next)));
  }

  private word(): Buffer {
    const word = Buffer.alloc(WORD_LENGTH_BYTES + WORD_LETTERS);
    word.writeUInt32LE(WORD_LETTERS);
    for (let at = WORD_LENGTH_BYTES; at < word.length; at++)
      word[at] = "a".charCodeAt(0) + Math.floor(this.random.next() * 26);
    return word;
  }
}

function isReal(datatype: DataType): boolean {
  return datatype.startsWith("FP") || datatype === "BF16";
}

function randomBytes(
  { name, datatype }: TensorSignature,
  shape: readonly number[],
  words: RandomRowOptions["words"],
): number {
  const word = words?.get(name)?.[0];
  const letters = word === undefined ? WORD_LETTERS : Buffer.byteLength(word);
  return (datatypeBytes(datatype) ?? WORD_LENGTH_BYTES + letters) * elementCount(shape);
}

/** The longest axis that is no row axis; 1 where there is none. */
function longestOf(shapes: readonly (readonly number[])[]): number {
  return Math.max(1, ...shapes.flatMap((shape) => shape.slice(1)));
}
