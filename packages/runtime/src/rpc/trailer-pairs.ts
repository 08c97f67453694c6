import { Metadata } from "@grpc/grpc-js";
import type { ServiceError } from "../errors";
import type { TrailerValues } from "./raw";
import { toGrpcStatus } from "./status";

/** Returns names and values by turns, as a transport takes them; binary values as base64. */
export function metadataPairs(metadata: Metadata | undefined): readonly string[] {
  if (metadata === undefined) return NOTHING;
  const pairs: string[] = [];
  for (const [name, values] of Object.entries(metadata.toJSON()))
    for (const value of values) pairs.push(name, textOf(value));
  return pairs;
}

/** Returns trailers likewise. */
export function trailerPairs(trailers: TrailerValues): readonly string[] {
  const pairs: string[] = [];
  for (const name in trailers) pairs.push(name, textOf(trailers[name] as string | Buffer));
  return pairs;
}

/** Returns what a transport tells of a failure. */
export function statusPairs(
  error: ServiceError,
  trailers: TrailerValues,
): { readonly code: number; readonly message: string; readonly pairs: readonly string[] } {
  const metadata = new Metadata();
  for (const name in trailers) metadata.set(name, trailers[name] as string | Buffer);
  const status = toGrpcStatus(error, metadata);
  return { code: status.code, message: status.details, pairs: metadataPairs(status.metadata) };
}

function textOf(value: string | Buffer): string {
  return typeof value === "string" ? value : value.toString("base64");
}

const NOTHING: readonly string[] = [];
