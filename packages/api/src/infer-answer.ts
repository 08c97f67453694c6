import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { varintBytes, writeVarint } from "./varint";

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

const rawTag = (6 << 3) | WireType.LengthDelimited;

/**
 * Returns fields 5 (outputs) and 6 (raw_output_contents) of ModelInferResponse as parts to be sent one after another;
 * every output's bytes are a part by themselves, uncopied. Set beside the head of `encodeAnswerHead` they are a whole
 * message: protobuf messages concatenate. There is one raw entry per output, even an empty one, as stock clients need.
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
  const writer = new BinaryWriter();
  writeText(writer, 1, head.modelName);
  writeText(writer, 2, head.modelVersion);
  writeText(writer, 3, head.id);
  for (const key in head.parameters) {
    const value = head.parameters[key]!;
    writer.tag(4, WireType.LengthDelimited).fork();
    writeText(writer, 1, key);
    writer.tag(2, WireType.LengthDelimited).fork();
    writeValue(writer, value);
    writer.join().join();
  }
  return writer.finish();
}

function describe(outputs: readonly AnswerOutput[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const { name, datatype, shape } of outputs) {
    writer.tag(5, WireType.LengthDelimited).fork();
    writeText(writer, 1, name);
    writeText(writer, 2, datatype);
    if (shape.length > 0) {
      writer.tag(3, WireType.LengthDelimited).fork();
      for (const dim of shape) writer.int64(dim);
      writer.join();
    }
    writer.join();
  }
  return writer.finish();
}

function writeText(writer: BinaryWriter, field: number, text: string): void {
  if (text !== "") writer.tag(field, WireType.LengthDelimited).string(text);
}

function writeValue(writer: BinaryWriter, value: string | number | bigint | boolean): void {
  switch (typeof value) {
    case "boolean":
      writer.tag(1, WireType.Varint).bool(value);
      return;
    case "bigint":
      writer.tag(2, WireType.Varint).int64(value);
      return;
    case "string":
      writer.tag(3, WireType.LengthDelimited).string(value);
      return;
    default:
      writer.tag(4, WireType.Bit64).double(value);
  }
}
