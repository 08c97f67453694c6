import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { ArtifactService } from "@infaas/api";
import type { ClientOf } from "@infaas/runtime";

/** Where model files come from: the metadata service in production. */
export interface ArtifactSource {
  /** The bytes of an artifact from `offset` to its end, in order. */
  download(digest: string, offset: number): AsyncIterable<Uint8Array>;
}

/** Bytes in one message of an upload. */
const chunkBytes = 262_144;

/** Reads and writes artifacts of the metadata service. */
export class ArtifactClient implements ArtifactSource {
  constructor(private readonly artifacts: ClientOf<typeof ArtifactService>) {}

  async *download(digest: string, offset: number): AsyncIterable<Uint8Array> {
    const messages = this.artifacts.downloadArtifact({ digest, offset: BigInt(offset) });
    for await (const message of messages) yield message.data;
  }

  /** Uploads a local file, from where an earlier upload of it stopped; returns its digest. */
  async upload(path: string): Promise<string> {
    const digest = await fileDigest(path);
    const { complete, receivedBytes } = await this.artifacts.statArtifact({ digest });
    if (!complete) await this.artifacts.uploadArtifact(chunksOf(path, digest, Number(receivedBytes)));
    return digest;
  }
}

async function* chunksOf(path: string, digest: string, startBytes: number) {
  const { size } = await stat(path);
  const totalBytes = BigInt(size);
  let offset = startBytes;
  yield { digest, totalBytes, offset: BigInt(offset) };
  for await (const chunk of createReadStream(path, { start: startBytes, highWaterMark: chunkBytes })) {
    const data: Buffer = chunk;
    yield { digest, totalBytes, offset: BigInt(offset), data: new Uint8Array(data) };
    offset += data.byteLength;
  }
}

async function fileDigest(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return `sha256:${hash.digest("hex")}`;
}
