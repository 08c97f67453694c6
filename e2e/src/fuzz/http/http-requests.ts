import { deflateSync, gzipSync } from "node:zlib";
import type { Random } from "@infaas/runtime";
import { below, pick } from "../wire-mutator";

/** Headers by name, as they are written. */
export type HttpHeaders = Readonly<Record<string, string | number>>;

/** One request before it is written. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: HttpHeaders;
  readonly body: Buffer;
}

/** Header of the binary tensor extension: bytes of the JSON before the tensors. */
export const headLength = "Inference-Header-Content-Length";
const piecesMax = 50;

/** Returns a request's bytes, with its Content-Length. */
export function writtenWhole(request: HttpRequest): Buffer {
  return Buffer.concat([headOf(request, { "Content-Length": request.body.length }), request.body]);
}

/**
 * Returns a request whose body comes in chunks of any size, with extensions and trailers, as HTTP/1.1 allows.
 */
export function writtenInChunks(request: HttpRequest, random: Random): Buffer {
  const { body } = request;
  const size = Math.max(1, Math.ceil(body.length / piecesMax), below(random, 300));
  const parts = [headOf(request, { "Transfer-Encoding": "chunked" })];
  const extension = random.next() < 0.2 ? ";a=b" : "";
  for (let at = 0; at < body.length; at += size) {
    const chunk = body.subarray(at, at + size);
    parts.push(Buffer.from(`${chunk.length.toString(16)}${extension}\r\n`), chunk, Buffer.from("\r\n"));
  }
  parts.push(Buffer.from(random.next() < 0.2 ? "0\r\nX-Trailer: last\r\n\r\n" : "0\r\n\r\n"));
  return Buffer.concat(parts);
}

/** Packs a request's body. */
export function compressedRequest(request: HttpRequest, random: Random): HttpRequest {
  const encoding = pick(["gzip", "deflate"], random);
  const pack = encoding === "gzip" ? gzipSync : deflateSync;
  const body = pack(request.body, { level: 1 });
  return { ...request, headers: { ...request.headers, "Content-Encoding": encoding }, body };
}

function headOf({ method, path, headers }: HttpRequest, framing: HttpHeaders): Buffer {
  const lines = Object.entries({ Host: "localhost", ...framing, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1");
}
