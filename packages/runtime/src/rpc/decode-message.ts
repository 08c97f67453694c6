import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { Code, ServiceError } from "../errors";
import { decodedBytes } from "./decoded-bytes";

/**
 * What the objects of one decoded message may take, texts and byte strings themselves aside: 65,536 nested messages,
 * 131,072 fields that the schema does not know, or 1,048,576 numbers of floating point. Decoding as much takes some
 * 50 ms of the one thread: a nested message 0.4 to 0.8 µs, a field 0.2, a number 0.05 (Node 20, processor time).
 */
export const DECODED_BYTES_MAX = 32 * 1024 * 1024;

/**
 * Returns the message in `bytes`; INVALID_ARGUMENT when it is none, or when its objects would take more than
 * the bound.
 */
export function decodeMessage<S extends DescMessage>(
  schema: S,
  bytes: Uint8Array,
): MessageShape<S> | ServiceError {
  const cost = decodedBytes(schema, bytes, DECODED_BYTES_MAX);
  if (cost === null) return unreadable(schema);
  if (cost > DECODED_BYTES_MAX) return tooMany(schema, bytes.byteLength);
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    return unreadable(schema, cause);
  }
}

function unreadable({ typeName }: DescMessage, cause?: unknown): ServiceError {
  return new ServiceError(Code.INVALID_ARGUMENT, `request is not a readable ${typeName}`, { cause });
}

function tooMany({ typeName }: DescMessage, bytes: number): ServiceError {
  const sentence = `${typeName} of ${bytes} bytes holds too many values: decoded they take more than the ${DECODED_BYTES_MAX} bytes that one may`;
  return new ServiceError(Code.INVALID_ARGUMENT, sentence);
}
