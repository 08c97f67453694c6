import { Metadata, type StatusObject } from "@grpc/grpc-js";
import { codeOf, ServiceError } from "../../errors";
import type { GatherMessage } from "../raw";
import { DETAILS_KEY, decodeDetails } from "../status";

/**
 * Returns what grpc-js may treat as a Buffer: bytes as a view without a copy, a gather message as it is.
 * grpc-js 1.14.7 uses exactly the three members of GatherMessage of what it believes to be a Buffer; a test
 * sends one both ways.
 */
export function asBuffer(message: Uint8Array | GatherMessage): Buffer {
  if (Buffer.isBuffer(message)) return message;
  if (message instanceof Uint8Array) {
    return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  }
  return message as unknown as Buffer;
}

/** Serializes and deserializes messages that are bytes already. */
export const identity = (bytes: Buffer): Buffer => bytes;

/** Returns metadata as names and values by turns; binary values as base64. */
export function pairsOf(metadata: Metadata): readonly string[] {
  const pairs: string[] = [];
  for (const [name, values] of Object.entries(metadata.toJSON()))
    for (const value of values)
      pairs.push(name, typeof value === "string" ? value : value.toString("base64"));
  return pairs;
}

/** Returns pairs as metadata. */
export function metadataOf(pairs: readonly string[]): Metadata {
  const metadata = new Metadata();
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const [name, value] = [pairs[i] as string, pairs[i + 1] as string];
    metadata.add(name, name.endsWith("-bin") ? Buffer.from(value, "base64") : value);
  }
  return metadata;
}

/**
 * Returns the failure that a status tells of, with its details; of anything else that was thrown, what
 * `ServiceError.from` says.
 */
export function fromGrpcError(e: unknown): ServiceError {
  const status = e as Partial<StatusObject> | null;
  if (typeof status?.code !== "number" || typeof status.details !== "string") return ServiceError.from(e);
  const details = status.metadata?.get(DETAILS_KEY)[0];
  return new ServiceError(codeOf(status.code), status.details, {
    details: Buffer.isBuffer(details) ? decodeDetails(details) : [],
  });
}
