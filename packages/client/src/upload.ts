import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { ArtifactService } from "@infaas/api";
import type { ClientOf } from "@infaas/runtime";

/** Bytes of one upload message: large enough to amortise a message, small against the receive window. */
const chunkBytes = 1 << 20;

/** A model of gigabytes over a slow line; an upload that is cut off goes on where it stopped. */
const uploadTimeoutMs = 30 * 60_000;

/** Digest of a file's content, `sha256:<hex>`. */
export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}

/** Puts a file into the artifact store, going on where an earlier try stopped; returns its digest. */
export async function uploadFile(artifacts: ClientOf<typeof ArtifactService>, path: string): Promise<string> {
  const digest = await digestOfFile(path);
  const known = await artifacts.statArtifact({ digest });
  if (known.complete) return digest;
  const { size } = await stat(path);
  const from = Number(known.receivedBytes);
  await artifacts.uploadArtifact(chunks({ path, digest, size, from }), { timeoutMs: uploadTimeoutMs });
  return digest;
}

async function* chunks(file: { path: string; digest: string; size: number; from: number }) {
  const totalBytes = BigInt(file.size);
  let offset = BigInt(file.from);
  yield { digest: file.digest, totalBytes, offset, data: new Uint8Array(0) };
  for await (const chunk of createReadStream(file.path, { start: file.from, highWaterMark: chunkBytes })) {
    const data = chunk as Buffer;
    yield { digest: file.digest, totalBytes, offset, data };
    offset += BigInt(data.length);
  }
}
