import { fromBinary } from "@bufbuild/protobuf";
import { RefusalSchema } from "@infaas/api";
import { retryDelayMs, type ServiceError } from "@infaas/runtime";
import { HttpError, httpStatus } from "./http-status";
import { messageJson } from "./message-json";

/** A response: its body is in parts, which are sent in order without being joined. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly parts: readonly Uint8Array[];
  /** May be compressed. Clients of the protocol expect that of tensors alone, whatever they say they take. */
  readonly compressible?: true;
}

/** An answer of JSON text. */
export function jsonReply(value: unknown, status = 200): Reply {
  const headers = { "content-type": "application/json" };
  return { status, headers, parts: [Buffer.from(JSON.stringify(value))] };
}

/** Metrics in Prometheus' own text format. */
export function metricsReply(text: string): Reply {
  const headers = { "content-type": "text/plain; version=0.0.4; charset=utf-8" };
  return { status: 200, headers, parts: [Buffer.from(text)], compressible: true };
}

/** An answer without body: the status says all. */
export function emptyReply(status: number): Reply {
  return { status, headers: {}, parts: [] };
}

/** A failure: `{"error": …}` as the protocol has it, with the offers of a refusal beside it, and when to try again. */
export function errorReply(error: ServiceError, headers: Readonly<Record<string, string>> = {}): Reply {
  const reply = jsonReply({ error: error.message, ...refusalOf(error) }, httpStatus(error));
  const retryMs = retryDelayMs(error);
  return {
    ...reply,
    headers: {
      ...reply.headers,
      ...headers,
      ...(error instanceof HttpError ? error.headers : {}),
      ...(retryMs === null ? {} : { "retry-after": Math.max(1, Math.ceil(retryMs / 1000)) }),
    },
  };
}

function refusalOf(error: ServiceError): { refusal?: unknown } {
  const detail = error.details.find((d) => d.typeName === RefusalSchema.typeName);
  if (detail === undefined) return {};
  return { refusal: messageJson(RefusalSchema, fromBinary(RefusalSchema, detail.value)) };
}
