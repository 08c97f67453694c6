import { isUtf8 } from "node:buffer";
import { Code, ServiceError } from "@infaas/runtime";
import { HttpError } from "./http-status";
import { shapeOf } from "./json-shape";

/**
 * Longest JSON text that is read: about 35 ms of the one thread that all queries share. Tensors beyond go as
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

/** A JSON object as it was sent: nothing about its values is known. */
export type JsonFields = Readonly<Record<string, unknown>>;

/**
 * Reads a JSON object; an empty body is an empty object. HTTP 413 beyond the bound, INVALID_ARGUMENT for
 * anything else.
 */
export function parseObject(bytes: Buffer): JsonFields {
  if (bytes.byteLength === 0) return {};
  if (bytes.byteLength > JSON_BYTES_MAX) {
    const sentence = `JSON of ${bytes.byteLength} bytes came, at most ${JSON_BYTES_MAX} are read; send tensors as binary data`;
    throw new HttpError(413, Code.INVALID_ARGUMENT, sentence);
  }
  if (!isUtf8(bytes)) throw invalid("request body is no UTF-8 text; binary data needs a JSON head before it");
  return asObject("request body", parse(bytes));
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

function parse(bytes: Buffer): unknown {
  const shape = shapeOf(bytes, bytes.includes(WIDE), JSON_STRINGS_MAX);
  bounded("names of members", shape.names, JSON_NAMES_MAX);
  bounded("arrays and objects", shape.nested, JSON_NESTED_MAX);
  bounded("texts and bare words", shape.strings + shape.bare.length / 2, JSON_STRINGS_MAX);
  try {
    return JSON.parse(quoted(bytes, shape.bare));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServiceError(Code.INVALID_ARGUMENT, `request body is not JSON: ${reason}`, { cause });
  }
}

/** Of a text in which there may be integers that a double does not hold. */
const WIDE = 'INT64"';

function bounded(what: string, count: number, max: number): void {
  if (count <= max) return;
  const sentence = `JSON with at least ${count} ${what} came, at most ${max} are read; send tensors as binary data`;
  throw new HttpError(413, Code.INVALID_ARGUMENT, sentence);
}

/** The text with these tokens made texts, which tensors take too. */
function quoted(bytes: Buffer, bare: readonly number[]): string {
  const parts: string[] = [];
  let from = 0;
  for (let i = 0; i < bare.length; i += 2) {
    const [start, end] = [bare[i]!, bare[i + 1]!];
    parts.push(bytes.toString("utf8", from, start), '"', bytes.toString("latin1", start, end), '"');
    from = end;
  }
  parts.push(bytes.toString("utf8", from));
  return parts.join("");
}
