import { isUtf8 } from "node:buffer";
import type { NumberList } from "@infaas/api";
import { Code, nextTurn, ServiceError, systemRandom } from "@infaas/runtime";
import { HttpError } from "../http-status";
import { STEP_BYTES } from "./json-numbers";
import { type JsonShape, shapeOf } from "./json-shape";

/**
 * Longest JSON text that is read, with turns for others who share the thread, of 50 ms at most. Tensors beyond go as
 * binary data.
 */
export const JSON_BYTES_MAX = 4 * 1024 * 1024;

/** Most names of members: what looks them up is made as they come, two microseconds each. */
export const JSON_NAMES_MAX = 8_192;
/** Most arrays and objects, half a microsecond each: rows of a tensor that is written nested. */
export const JSON_NESTED_MAX = 32_768;
/**
 * Most strings, half a microsecond each: elements of BYTES tensors, and the tokens of `JsonShape.bare`, which are quoted before parsing.
 */
export const JSON_STRINGS_MAX = 32_768;

/** Most numbers outside of arrays of numbers alone; those are read at once. */
export const JSON_NUMBERS_MAX = 262_144;
/** Most numbers of more than 15 digits, or far from 1: a seventh of a microsecond each, and 16 bytes as people write them. */
export const JSON_LONG_NUMBERS_MAX = 262_144;

const most = {
  names: JSON_NAMES_MAX,
  nested: JSON_NESTED_MAX,
  strings: JSON_STRINGS_MAX,
  numbers: JSON_NUMBERS_MAX,
  long: JSON_LONG_NUMBERS_MAX,
} as const;

/** A JSON object as it was sent: nothing about its values is known. */
export type JsonFields = Readonly<Record<string, unknown>>;

/** A JSON object, and arrays of numbers in it that were read at once. */
export interface ReadJson {
  readonly fields: JsonFields;
  /** What the value of a member named `data` stands for; undefined: for itself. */
  numbersOf(value: unknown): NumberList | undefined;
}

/** Reads a JSON object; as `readJson`, with every array an array. */
export function parseObject(bytes: Buffer): JsonFields {
  const reading = read(bytes, false);
  for (;;) {
    const step = reading.next();
    if (step.done === true) return step.value.fields;
  }
}

/** The long text that is read now; lists of numbers take eight times their bytes, so that one is read at a time. */
let latest: Promise<unknown> = Promise.resolve();

/**
 * Reads a JSON object; an empty body is an empty object. Long ones are read one after another, while others who share the
 * thread have their turn (decision 0048). HTTP 413 beyond the bounds, INVALID_ARGUMENT for anything else.
 */
export function readJson(bytes: Buffer): Promise<ReadJson> {
  if (bytes.byteLength <= STEP_BYTES) return inTurns(read(bytes, true));
  const result = latest.then(() => inTurns(read(bytes, true)));
  latest = result.catch(() => undefined);
  return result;
}

async function inTurns<T>(reading: Generator<void, T, void>): Promise<T> {
  for (;;) {
    const step = reading.next();
    if (step.done === true) return step.value;
    await nextTurn();
  }
}

function* read(bytes: Buffer, listsAtOnce: boolean): Generator<void, ReadJson, void> {
  if (bytes.byteLength === 0) return { fields: {}, numbersOf: () => undefined };
  if (bytes.byteLength > JSON_BYTES_MAX) {
    const sentence = `JSON of ${bytes.byteLength} bytes came, at most ${JSON_BYTES_MAX} are read; send tensors as binary data`;
    throw new HttpError(413, Code.INVALID_ARGUMENT, sentence);
  }
  if (!isUtf8(bytes)) throw invalid("request body is no UTF-8 text; binary data needs a JSON head before it");
  const shape = yield* shapeOf(bytes, {
    wide: bytes.includes(WIDE),
    lists: listsAtOnce,
    most,
  });
  bounded("names of members", shape.names, most.names);
  bounded("arrays and objects", shape.nested, most.nested);
  bounded("texts and bare words", shape.strings + shape.bare.length / 2, most.strings);
  bounded("numbers beside other values", shape.numbers, most.numbers);
  bounded("numbers of more than 15 digits or far from 1", shape.long, most.long);
  const mark = systemRandom.hex(MARK_BYTES);
  const fields = asObject("request body", parse(withTexts(bytes, shape, mark)));
  const lists = new Map(shape.lists.map(({ list }, index) => [`${mark}${index}`, list]));
  return { fields, numbersOf: (value) => (typeof value === "string" ? lists.get(value) : undefined) };
}

/** Returns `value` as an object; INVALID_ARGUMENT naming `what` otherwise. */
export function asObject(what: string, value: unknown): JsonFields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonFields;
  throw invalid(`${what} must be a JSON object`);
}

/** INVALID_ARGUMENT with this sentence. */
export function invalid(sentence: string): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, sentence);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServiceError(Code.INVALID_ARGUMENT, `request body is not JSON: ${reason}`, { cause });
  }
}

/** What stands for a list of numbers, which nobody can guess. */
const MARK_BYTES = 16;

/** Of a text in which there may be integers that a double does not hold. */
const WIDE = 'INT64"';

function bounded(what: string, count: number, max: number): void {
  if (count <= max) return;
  const sentence = `JSON with at least ${count} ${what} came, at most ${max} are read; send tensors as binary data`;
  throw new HttpError(413, Code.INVALID_ARGUMENT, sentence);
}

/** The text with bare tokens made texts, which tensors take too, and a text for each list of numbers. */
function withTexts(bytes: Buffer, { bare, lists }: JsonShape, mark: string): string {
  const parts: string[] = [];
  let from = 0;
  let next = 0;
  const untilList = () => lists[next]?.start ?? bytes.length;
  const replace = (start: number, end: number, text: string) => {
    parts.push(bytes.toString("utf8", from, start), '"', text, '"');
    from = end;
  };
  const replaceLists = (before: number) => {
    for (; untilList() < before; next += 1) replace(untilList(), lists[next]!.end, `${mark}${next}`);
  };
  for (let i = 0; i < bare.length; i += 2) {
    const [start, end] = [bare[i]!, bare[i + 1]!];
    replaceLists(start);
    replace(start, end, bytes.toString("latin1", start, end));
  }
  replaceLists(bytes.length);
  parts.push(bytes.toString("utf8", from));
  return parts.join("");
}
