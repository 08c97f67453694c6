import { Code, ServiceError } from "@infaas/runtime";

/** A failure with an HTTP status that no gRPC code maps to: no such path, wrong verb, body too large. */
export class HttpError extends ServiceError {
  constructor(
    readonly status: number,
    code: Code,
    message: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(code, message);
  }
}

/**
 * Codes whose HTTP status is not 400. Triton's mapping, but for overload (429: a client may retry later, 503 says
 * elsewhere), lateness (504) and who may ask (401, 403), which Triton has no words for. Decision 0013.
 */
const STATUSES: Readonly<Partial<Record<Code, number>>> = {
  [Code.NOT_FOUND]: 404,
  [Code.UNIMPLEMENTED]: 501,
  [Code.INTERNAL]: 500,
  [Code.UNKNOWN]: 500,
  [Code.DATA_LOSS]: 500,
  [Code.UNAVAILABLE]: 503,
  [Code.RESOURCE_EXHAUSTED]: 429,
  [Code.DEADLINE_EXCEEDED]: 504,
  [Code.UNAUTHENTICATED]: 401,
  [Code.PERMISSION_DENIED]: 403,
  [Code.CANCELLED]: 499,
};

/** The HTTP status of a failure. */
export function httpStatus(error: ServiceError): number {
  return error instanceof HttpError ? error.status : httpStatusOf(error.code);
}

/** The HTTP status of a code; that of OK is 200. */
export function httpStatusOf(code: Code): number {
  return code === Code.OK ? 200 : (STATUSES[code] ?? 400);
}
