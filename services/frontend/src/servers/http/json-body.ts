import { isUtf8 } from "node:buffer";
import { Code, ServiceError } from "@infaas/runtime";
import { HttpError } from "./http-status";

/** Longest JSON text that is read: about 35 ms of the one thread that all queries share. Tensors beyond go as binary data. */
export const JSON_BYTES_MAX = 4 * 1024 * 1024;

/** A JSON object as it was sent: nothing about its values is known. */
export type JsonFields = Readonly<Record<string, unknown>>;

/** Reads a JSON object; an empty body is an empty object. HTTP 413 beyond the bound, INVALID_ARGUMENT for anything else. */
export function parseObject(bytes: Buffer): JsonFields {
  if (bytes.byteLength === 0) return {};
  if (bytes.byteLength > JSON_BYTES_MAX) {
    const sentence = `JSON of ${bytes.byteLength} bytes came, at most ${JSON_BYTES_MAX} are read; send tensors as binary data`;
    throw new HttpError(413, Code.INVALID_ARGUMENT, sentence);
  }
  if (!isUtf8(bytes)) throw invalid("request body is no UTF-8 text; binary data needs a JSON head before it");
  return asObject("request body", parse(bytes.toString("utf8")));
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
    const worded = /NaN|Infinity/.test(text) ? quoteNotFinite(text) : text;
    return JSON.parse(/"U?INT64"/.test(worded) ? quoteWideIntegers(worded) : worded);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ServiceError(Code.INVALID_ARGUMENT, `request body is not JSON: ${reason}`, { cause });
  }
}

/**
 * JSON has no words for what is no finite number; Python's `json` and Triton write and read NaN, Infinity and -Infinity bare.
 * They are made the texts that float tensors take. Texts are passed over whole, as below.
 */
function quoteNotFinite(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"?|-?\b(?:NaN|Infinity)\b/g, (token) =>
    token.startsWith('"') ? token : `"${token}"`,
  );
}

/** Digits that a double always holds exactly. */
const EXACT_DIGITS = 15;

/**
 * JSON's numbers are doubles in JavaScript: integers that may not fit are made text, which 64-bit tensors take too. A text
 * without end is taken whole: were it no match, it would be looked for again behind each of its quotes.
 */
function quoteWideIntegers(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) =>
    token.length > EXACT_DIGITS && /^-?\d+$/.test(token) ? `"${token}"` : token,
  );
}
