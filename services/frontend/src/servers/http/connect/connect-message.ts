import {
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { Code, codeName, type ServiceError } from "@infaas/runtime";
import { HttpError, httpStatus } from "../http-status";
import { invalid, parseObject } from "../json/json-body";
import type { Reply } from "../reply";

/**
 * Longest request in JSON; it is read without a turn for others who share the thread. Larger ones go as
 * `application/proto`.
 */
export const CONNECT_JSON_BYTES_MAX = 256 * 1024;

const media = { json: "application/json", proto: "application/proto" } as const;

/** How a message is written: protobuf's JSON mapping, or protobuf's bytes. */
export type ConnectCodec = keyof typeof media;

/** The codec of a request's Content-Type; HTTP 415 for another. */
export function codecOf(contentType: string): ConnectCodec {
  const [type = ""] = contentType.toLowerCase().split(";", 1);
  if (type.trim() === media.json) return "json";
  if (type.trim() === media.proto) return "proto";
  throw new HttpError(
    415,
    Code.INVALID_ARGUMENT,
    `Content-Type is '${contentType}'; a method of infaas.v1 takes ${media.json} and ${media.proto}`,
  );
}

/** Protobuf's bytes of a request. INVALID_ARGUMENT for JSON that is no such message, HTTP 413 for too much of it. */
export function requestBytes(codec: ConnectCodec, input: DescMessage, body: Buffer): Buffer {
  if (codec === "proto") return body;
  if (body.byteLength > CONNECT_JSON_BYTES_MAX) {
    const sentence = `the request has ${body.byteLength} bytes of JSON; at most ${CONNECT_JSON_BYTES_MAX} are read, larger ones go as ${media.proto}`;
    throw new HttpError(413, Code.INVALID_ARGUMENT, sentence);
  }
  const json = parseObject(body);
  try {
    return Buffer.from(toBinary(input, fromJson(input, json as JsonValue)));
  } catch (fault) {
    throw invalid(`the request is no ${input.typeName}: ${faultOf(fault)}`);
  }
}

function faultOf(fault: unknown): string {
  return fault instanceof Error ? fault.message : String(fault);
}

/** An answer in the codec of its request. */
export function answerReply(codec: ConnectCodec, output: DescMessage, bytes: Uint8Array): Reply {
  const headers = { "content-type": media[codec] };
  if (codec === "proto") return { status: 200, headers, parts: [bytes] };
  const json = toJsonString(output, fromBinary(output, bytes));
  return { status: 200, headers, parts: [Buffer.from(json)], compressible: true };
}

/** A failure as the Connect protocol has it: code, sentence and details, in JSON whatever the codec. */
export function failureReply(error: ServiceError): Reply {
  const details = error.details.map(({ typeName, value }) => ({ type: typeName, value: unpadded(value) }));
  const json = { code: connectCode(error.code), message: error.message, details };
  return {
    status: httpStatus(error),
    headers: { "content-type": media.json, ...(error instanceof HttpError ? error.headers : {}) },
    parts: [Buffer.from(JSON.stringify(json))],
  };
}

/** The protocol's word for a code: `not_found`; one is spelt otherwise than by gRPC. */
function connectCode(code: Code): string {
  return code === Code.CANCELLED ? "canceled" : codeName(code).toLowerCase();
}

function unpadded(value: Uint8Array): string {
  return Buffer.from(value).toString("base64").replace(/=+$/, "");
}

/** Milliseconds of the header Connect-Timeout-Ms; null: none. INVALID_ARGUMENT for anything but 1 to 10 digits. */
export function timeoutOf(header: string | undefined): number | null {
  if (header === undefined) return null;
  if (/^\d{1,10}$/.test(header)) return Number(header);
  throw invalid(`Connect-Timeout-Ms is '${header}'; it has 1 to 10 digits`);
}
