import { varintBytes, writeVarint } from "./varint";
import { WireBuffer } from "./wire-buffer";

/** One output as the engine gave it. `bytes` is raw little-endian row-major; it is passed on, not copied. */
export interface AnswerOutput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** What of an answer is known only where the query arrived. */
export interface AnswerHead {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  /** A number is sent as a double, so that a client always finds the same type; a bigint as an int64. */
  readonly parameters: Readonly<Record<string, string | number | bigint | boolean>>;
}

/**
 * Largest body of an answer: a gRPC message of 64 MiB has room for it with all that stands beside it, on the
 * link and at the caller's.
 */
export const answerBytesMax = 64 * 1024 * 1024 - 256 * 1024;

/** Field 6, length-delimited. */
const rawTag = (6 << 3) | 2;

const buffer = new WireBuffer();

/**
 * Returns fields 5 (outputs) and 6 (raw_output_contents) of ModelInferResponse as parts to be sent one after
 * another; every output's bytes are a part by themselves, uncopied. Set beside the head of `encodeAnswerHead`
 * they are a whole message: protobuf messages concatenate. There is one raw entry per output, even an empty
 * one, as stock clients need.
 */
export function encodeAnswerBody(outputs: readonly AnswerOutput[]): Uint8Array[] {
  const parts: Uint8Array[] = [describe(outputs)];
  for (const { bytes } of outputs) {
    const prefix = Buffer.allocUnsafe(1 + varintBytes(bytes.byteLength));
    prefix[0] = rawTag;
    writeVarint(prefix, 1, bytes.byteLength);
    parts.push(prefix);
    if (bytes.byteLength > 0) parts.push(bytes);
  }
  return parts;
}

/** Returns fields 1 to 4 of ModelInferResponse. */
export function encodeAnswerHead(head: AnswerHead): Uint8Array {
  buffer.reset();
  buffer.text(1, head.modelName);
  buffer.text(2, head.modelVersion);
  buffer.text(3, head.id);
  for (const key in head.parameters) {
    const entry = buffer.begin(4);
    buffer.text(1, key);
    const choice = buffer.begin(2);
    writeValue(head.parameters[key]!);
    buffer.end(choice);
    buffer.end(entry);
  }
  return buffer.take();
}

/** Field 2 of ModelStreamInferResponse, length-delimited. */
const inferResponseTag = (2 << 3) | 2;

/** Returns what goes before a ModelInferResponse of `bytes` to make it a ModelStreamInferResponse. */
export function encodeStreamPrefix(bytes: number): Uint8Array {
  const prefix = Buffer.allocUnsafe(1 + varintBytes(bytes));
  prefix[0] = inferResponseTag;
  writeVarint(prefix, 1, bytes);
  return prefix;
}

function describe(outputs: readonly AnswerOutput[]): Uint8Array {
  buffer.reset();
  for (const { name, datatype, shape } of outputs) {
    const output = buffer.begin(5);
    buffer.text(1, name);
    buffer.text(2, datatype);
    if (shape.length > 0) {
      const dims = buffer.begin(3);
      for (const dim of shape) buffer.packed(dim);
      buffer.end(dims);
    }
    buffer.end(output);
  }
  return buffer.take();
}

function writeValue(value: string | number | bigint | boolean): void {
  switch (typeof value) {
    case "boolean":
      buffer.varint(1, value ? 1 : 0);
      return;
    case "bigint":
      buffer.int64(2, value);
      return;
    case "string":
      // An empty text is still a choice: it is written with length zero.
      if (value === "") buffer.end(buffer.begin(3));
      else buffer.text(3, value);
      return;
    default:
      buffer.double(4, value);
  }
}
