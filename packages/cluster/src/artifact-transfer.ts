import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { ArtifactService } from "@infaas/api";
import { type ClientOf, nextTurn } from "@infaas/runtime";
import { UPLOAD_TIMEOUT_MS, USER_CALL_TIMEOUT_MS } from "./call-limits";

/** Source of model files: the metadata service in production. */
export interface ArtifactSource {
  /** The bytes of an artifact from `offset` to its end, in order. */
  download(digest: string, offset: number): AsyncIterable<Uint8Array>;
}

/**
 * Bytes in one message of an upload: large enough to amortise a message, small against the receive window.
 */
const CHUNK_BYTES = 1 << 20;

/** Bytes that are hashed in one turn of a thread that others share: some ten milliseconds. */
const TURN_BYTES = 4 * 2 ** 20;

type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

interface Content {
  /** `sha256:<64 hex digits>`. */
  readonly digest: string;
  readonly sizeBytes: number;
  /** The bytes from `offset` to the end, in chunks of at most CHUNK_BYTES. */
  readonly from: (offset: number) => Chunks;
}

/**
 * Files by digest in the metadata service, reached directly or through a frontend. An upload goes on where an
 * earlier one of the same content stopped; content that is there is not sent again. Methods reject with
 * ServiceError.
 */
export class ArtifactClient implements ArtifactSource {
  /** Files belong to `tenant`, which only members say: of a user the frontend knows it. Default: to everybody. */
  constructor(
    private readonly artifacts: ClientOf<typeof ArtifactService>,
    private readonly tenant = "",
  ) {}

  async *download(digest: string, offset: number): AsyncIterable<Uint8Array> {
    const messages = this.artifacts.downloadArtifact({ digest, offset: BigInt(offset) });
    for await (const message of messages) yield message.data;
  }

  /** Uploads a local file; returns its digest. */
  async uploadFile(path: string): Promise<string> {
    const { size } = await stat(path);
    const read = (start: number) => createReadStream(path, { start, highWaterMark: CHUNK_BYTES });
    return await this.upload({ digest: await digestOf(read(0)), sizeBytes: size, from: read });
  }

  /** Uploads bytes in memory; returns their digest. */
  async uploadBytes(bytes: Uint8Array, signal?: AbortSignal): Promise<string> {
    return await this.upload(
      {
        digest: await digestInTurns(bytes),
        sizeBytes: bytes.length,
        from: (offset) => slices(bytes, offset),
      },
      signal,
    );
  }

  private async upload(content: Content, signal?: AbortSignal): Promise<string> {
    const { digest } = content;
    const cancelled = signal === undefined ? {} : { signal };
    const { tenant } = this;
    const known = await this.artifacts.statArtifact(
      { digest, tenant },
      { timeoutMs: USER_CALL_TIMEOUT_MS, ...cancelled },
    );
    if (known.complete) return digest;
    const messages = messagesOf(content, { tenant, startBytes: Number(known.receivedBytes) });
    await this.artifacts.uploadArtifact(messages, { timeoutMs: UPLOAD_TIMEOUT_MS, ...cancelled });
    return digest;
  }
}

/** Returns the digest of bytes in memory, `sha256:<64 hex digits>`. */
export function digestOfBytes(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** The same of many bytes, while others who share the thread have their turn. */
export async function digestInTurns(bytes: Uint8Array): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length; at += TURN_BYTES) {
    if (at > 0) await nextTurn();
    hash.update(bytes.subarray(at, at + TURN_BYTES));
  }
  return `sha256:${hash.digest("hex")}`;
}

async function digestOf(chunks: Chunks): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return `sha256:${hash.digest("hex")}`;
}

/** The first message carries no bytes: it says what is coming also when nothing is left to send. */
async function* messagesOf(
  { digest, sizeBytes, from }: Content,
  { tenant, startBytes }: { readonly tenant: string; readonly startBytes: number },
) {
  const totalBytes = BigInt(sizeBytes);
  let offset = BigInt(startBytes);
  yield { digest, tenant, totalBytes, offset, data: new Uint8Array(0) };
  for await (const data of from(startBytes)) {
    yield { digest, totalBytes, offset, data };
    offset += BigInt(data.length);
  }
}

function* slices(bytes: Uint8Array, offset: number): Generator<Uint8Array> {
  for (let at = offset; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}
