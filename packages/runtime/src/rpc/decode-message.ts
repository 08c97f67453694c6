import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { Code, ServiceError } from "../errors";
import { decodedBytes } from "./decoded-bytes";

/**
 * What the objects of one decoded message may take, texts and byte strings themselves aside: 262,144 nested
 * messages or 4,194,304 numbers of floating point. Decoding as much takes about a second of the one thread.
 */
export const DECODED_BYTES_MAX = 128 * 1024 * 1024;

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
