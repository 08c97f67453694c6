import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { ErrorDetail, ServiceError } from "../errors";

/** Trailer that carries google.rpc.Status: {1 code int32; 2 message string; 3 details Any*}. */
export const DETAILS_KEY = "grpc-status-details-bin";
const TYPE_URL_PREFIX = "type.googleapis.com/";
const RETRY_INFO_TYPE = "google.rpc.RetryInfo";

/**
 * Details beyond this many bytes are left out: stock C clients refuse header blocks above 8 KiB, and base64
 * adds a third.
 */
const DETAILS_MAX_BYTES = 5 * 1024;

/** Returns the detail google.rpc.RetryInfo: try again after `delayMs`. */
export function retryInfo(delayMs: number): ErrorDetail {
  const seconds = Math.floor(delayMs / 1000);
  const nanos = Math.round((delayMs - seconds * 1000) * 1e6);
  const writer = new BinaryWriter().tag(1, WireType.LengthDelimited).fork();
  if (seconds > 0) writer.tag(1, WireType.Varint).int64(seconds);
  if (nanos > 0) writer.tag(2, WireType.Varint).int32(nanos);
  return { typeName: RETRY_INFO_TYPE, value: writer.join().finish() };
}

/** Returns the delay that an error's RetryInfo asks for, in milliseconds; null when it has none. */
export function retryDelayMs(error: ServiceError): number | null {
  const detail = error.details.find((d) => d.typeName === RETRY_INFO_TYPE);
  if (detail === undefined) return null;
  let delayMs = 0;
  eachField(detail.value, (field, reader) => {
    if (field !== 1) return false;
    eachField(reader.bytes(), (part, inner) => {
      if (part === 1) delayMs += Number(inner.int64()) * 1000;
      else if (part === 2) delayMs += inner.int32() / 1e6;
      return part === 1 || part === 2;
    });
    return true;
  });
  return delayMs;
}

/** Returns google.rpc.Status of `error`, for the trailer `DETAILS_KEY`. */
export function encodeStatus(error: ServiceError): Buffer {
  const writer = new BinaryWriter().tag(1, WireType.Varint).int32(error.code);
  writer.tag(2, WireType.LengthDelimited).string(error.message);
  let bytes = 0;
  for (const detail of error.details) {
    bytes += detail.value.byteLength;
    if (bytes > DETAILS_MAX_BYTES) break;
    writer.tag(3, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.LengthDelimited).string(TYPE_URL_PREFIX + detail.typeName);
    writer.tag(2, WireType.LengthDelimited).bytes(detail.value).join();
  }
  return Buffer.from(writer.finish());
}

/**
 * Returns the details in google.rpc.Status; none where it cannot be read, so that the error itself is not
 * hidden.
 */
export function decodeDetails(raw: Uint8Array): readonly ErrorDetail[] {
  const details: ErrorDetail[] = [];
  try {
    eachField(raw, (field, reader) => {
      if (field !== 3) return false;
      let typeName = "";
      let value: Uint8Array = new Uint8Array();
      eachField(reader.bytes(), (part, inner) => {
        if (part === 1) typeName = inner.string().replace(/^.*\//, "");
        else if (part === 2) value = inner.bytes();
        return part === 1 || part === 2;
      });
      details.push({ typeName, value });
      return true;
    });
  } catch {
    return [];
  }
  return details;
}

/** Walks the fields of one message; `read` returns false for a field it left unread. */
function eachField(bytes: Uint8Array, read: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (!read(field, reader)) reader.skip(wireType, field);
  }
}
