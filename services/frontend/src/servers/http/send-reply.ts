import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import { systemClock } from "@infaas/runtime";
import type { Reply } from "./reply";

/** Smallest body that is compressed, in bytes; below it compression costs more than it saves. */
const COMPRESS_BYTES_MIN = 256;
/** From this size on a body is compressed only where a sample of it shrinks. */
const SAMPLED_BYTES_MIN = 64 * 1024;
const SAMPLE_BYTES = 16 * 1024;
/** Share of its size below which the sample counts as shrunk: floating-point numbers keep more, and a megabyte of them takes 25 ms. */
const WORTHWHILE_SHARE = 0.8;
/** Longest time to send an answer, then the connection is cut: 64 MiB at half a MiB per second. */
export const ANSWER_MAX_MS = 120_000;

const compressors = { gzip: promisify(gzip), deflate: promisify(deflate) } as const;

/** Sends an answer, compressed where it may be and the caller takes that. Resolves when the socket has it, not when it has arrived. */
export async function sendReply(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
): Promise<void> {
  let { parts } = reply;
  const headers: Record<string, string | number> = { ...reply.headers };
  const bytes = byteLength(parts);
  const isWorthIt = reply.compressible === true && bytes >= COMPRESS_BYTES_MIN;
  const encoding = isWorthIt ? acceptedEncoding(request) : null;
  if (encoding !== null && (bytes < SAMPLED_BYTES_MIN || (await shrinks(parts, encoding)))) {
    // Level 1: tensors compress little, and the thread pool is also for others.
    parts = [await compressors[encoding](Buffer.concat(parts), { level: 1 })];
    headers["content-encoding"] = encoding;
    headers.vary = headers.vary === undefined ? "accept-encoding" : `${headers.vary}, accept-encoding`;
  }
  if (response.destroyed) return;
  const timer = systemClock.setTimer(ANSWER_MAX_MS, () => response.destroy());
  response.once("close", () => timer.cancel());
  response.writeHead(reply.status, { ...headers, "content-length": byteLength(parts) });
  response.cork();
  for (const part of parts) response.write(part);
  response.end();
  response.uncork();
}

/** Whether the middle of the largest part becomes much smaller. */
async function shrinks(parts: readonly Uint8Array[], encoding: keyof typeof compressors): Promise<boolean> {
  const largest = parts.reduce((most, part) => (part.byteLength > most.byteLength ? part : most));
  const from = Math.max(0, Math.floor((largest.byteLength - SAMPLE_BYTES) / 2));
  const sample = largest.subarray(from, from + SAMPLE_BYTES);
  const compressed = await compressors[encoding](sample, { level: 1 });
  return compressed.byteLength <= WORTHWHILE_SHARE * sample.byteLength;
}

function byteLength(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.byteLength, 0);
}

/** The first encoding that the caller names and this server has; one with q=0 is forbidden. */
function acceptedEncoding(request: IncomingMessage): keyof typeof compressors | null {
  for (const item of (request.headers["accept-encoding"]?.toString() ?? "").split(",")) {
    const [name = "", weight = ""] = item.split(";").map((part) => part.trim().toLowerCase());
    if ((name === "gzip" || name === "deflate") && !/^q=0(\.0*)?$/.test(weight)) return name;
  }
  return null;
}
