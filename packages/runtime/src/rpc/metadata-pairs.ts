import type { ServiceError } from "../errors";
import type { TrailerValues } from "./raw";
import { DETAILS_KEY, encodeStatus } from "./status";
import type { StatusPairs } from "./transport";

/** Returns trailers as names and values by turns, as a transport takes them; binary values as base64. */
export function trailerPairs(trailers: TrailerValues): readonly string[] {
  const pairs: string[] = [];
  for (const name in trailers) pairs.push(name, textOf(trailers[name] as string | Buffer));
  return pairs;
}

/** Returns how a call ends that failed with `error`. */
export function statusPairs(error: ServiceError, trailers: TrailerValues): StatusPairs {
  const pairs = error.details.length === 0 ? trailers : { ...trailers, [DETAILS_KEY]: encodeStatus(error) };
  return { code: error.code, message: error.message, pairs: trailerPairs(pairs) };
}

/** Returns the first value of `name` that gRPC allows: printable ASCII. */
export function firstValue(pairs: readonly string[], name: string): string | undefined {
  for (let i = 0; i + 1 < pairs.length; i += 2)
    if (pairs[i] === name && PRINTABLE.test(pairs[i + 1] as string)) return pairs[i + 1];
  return undefined;
}

const PRINTABLE = /^[ -~]*$/;

function textOf(value: string | Buffer): string {
  return typeof value === "string" ? value : value.toString("base64");
}
