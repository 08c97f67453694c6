import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Clock, Code, ServiceError, systemClock } from "@infaas/runtime";
import { ARTIFACT_LIMITS, type ArtifactLimits, ArtifactSpace, writeFailure } from "./artifact-space";

/** Largest file taken: well beyond any model of this system's engines, far below a full disk by mistake. */
export const ARTIFACT_MAX_BYTES = 4 * 1024 ** 3;
/** A download comes in pieces of this size, so that a slow reader holds little memory. */
const downloadChunkBytes = 1 << 20;

const digestPattern = /^sha256:([0-9a-f]{64})$/;

/** How much of a file is there. */
export interface ArtifactState {
  readonly complete: boolean;
  readonly receivedBytes: number;
}

/** One piece of an upload; every piece but the first may leave out digest and total. */
export interface ArtifactPiece {
  readonly digest: string;
  readonly totalBytes: bigint;
  readonly offset: bigint;
  readonly data: Uint8Array;
}

/**
 * Files by the sha256 of their content, in one folder. A file appears under its name only whole and verified;
 * until then it is `<hex>.part`, which an interrupted upload goes on with, also after a restart. Names are
 * made of the 64 digits of a checked digest and nothing else.
 */
export class Artifacts {
  private readonly uploading = new Set<string>();
  private received = 0;

  private constructor(
    private readonly folder: string,
    private readonly space: ArtifactSpace,
  ) {}

  static async open(
    folder: string,
    limits: ArtifactLimits = ARTIFACT_LIMITS,
    clock: Clock = systemClock,
  ): Promise<Artifacts> {
    await mkdir(folder, { recursive: true });
    return new Artifacts(folder, await ArtifactSpace.open(folder, limits, clock));
  }

  /** Bytes received by uploads since the start. */
  get receivedBytes(): number {
    return this.received;
  }

  /** INVALID_ARGUMENT for a malformed digest; an unknown one has received 0 bytes. */
  async stat(digest: string): Promise<ArtifactState> {
    const path = this.path(digest);
    const complete = await sizeOf(path);
    if (complete !== null) return { complete: true, receivedBytes: complete };
    return { complete: false, receivedBytes: (await sizeOf(partOf(path))) ?? 0 };
  }

  /**
   * Takes a file in pieces; returns its size once it is whole and verified. A stream that ends early leaves
   * what it brought. ABORTED while another upload of the same file runs, RESOURCE_EXHAUSTED when there is no
   * room for it, OUT_OF_RANGE for a piece in the wrong place, INVALID_ARGUMENT for a bad size, DATA_LOSS when the content is not what the digest says (all
   * of it is dropped).
   */
  async upload(pieces: AsyncIterable<ArtifactPiece>): Promise<number> {
    const iterator = pieces[Symbol.asyncIterator]();
    const first = await iterator.next();
    if (first.done === true)
      throw new ServiceError(Code.INVALID_ARGUMENT, "upload has no message: digest is not known");
    const { digest } = first.value;
    const path = this.path(digest);
    const totalBytes = checkedTotal(first.value.totalBytes);
    const there = await sizeOf(path);
    if (there !== null) return there;
    if (this.uploading.has(digest))
      throw new ServiceError(Code.ABORTED, `${digest} is being uploaded by another call`);
    this.uploading.add(digest);
    try {
      await this.checkFile(totalBytes - ((await sizeOf(partOf(path))) ?? 0));
      await this.receive(partOf(path), totalBytes, first.value, iterator);
      await this.finish(path, digest);
      return totalBytes;
    } catch (cause) {
      throw writeFailure(`the upload of ${digest}`, cause);
    } finally {
      this.uploading.delete(digest);
    }
  }

  /**
   * The file from `offset` on; NOT_FOUND unless it is complete, OUT_OF_RANGE for an offset beyond its end.
   */
  async *download(digest: string, offset: bigint): AsyncGenerator<{ data: Uint8Array; totalBytes: number }> {
    const path = this.path(digest);
    const totalBytes = await sizeOf(path);
    if (totalBytes === null) {
      const { receivedBytes } = await this.stat(digest);
      throw new ServiceError(
        Code.NOT_FOUND,
        `${digest} is not here whole: ${receivedBytes} bytes of it were received`,
      );
    }
    if (offset < 0n || offset > BigInt(totalBytes)) {
      throw new ServiceError(
        Code.OUT_OF_RANGE,
        `offset ${offset} is outside the ${totalBytes} bytes of ${digest}`,
      );
    }
    const stream = createReadStream(path, { start: Number(offset), highWaterMark: downloadChunkBytes });
    for await (const data of stream) yield { data: data as Buffer, totalBytes };
  }

  private async receive(
    part: string,
    totalBytes: number,
    first: ArtifactPiece,
    rest: AsyncIterator<ArtifactPiece>,
  ): Promise<void> {
    const file = await open(part, "a");
    try {
      let received = (await file.stat()).size;
      if (received > totalBytes) {
        await file.truncate();
        received = 0;
      }
      for (let piece: ArtifactPiece | null = first; piece !== null; piece = await nextPiece(rest)) {
        received = await this.append(file, piece, { received, totalBytes });
      }
      if (received < totalBytes) {
        const both = `upload ended after ${received} of ${totalBytes} bytes; go on from offset ${received}`;
        throw new ServiceError(Code.FAILED_PRECONDITION, both);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  }

  private async append(
    file: FileHandle,
    piece: ArtifactPiece,
    at: { received: number; totalBytes: number },
  ): Promise<number> {
    const { received, totalBytes } = at;
    if (piece.offset !== BigInt(received)) {
      const both = `piece is for offset ${piece.offset}, ${received} bytes were received; go on from there`;
      throw new ServiceError(Code.OUT_OF_RANGE, both);
    }
    const after = received + piece.data.length;
    if (after > totalBytes) {
      throw new ServiceError(
        Code.INVALID_ARGUMENT,
        `upload of ${after} bytes exceeds the ${totalBytes} announced`,
      );
    }
    await this.space.takePiece(piece.data.length);
    await file.writeFile(piece.data);
    this.received += piece.data.length;
    return after;
  }

  private async finish(path: string, digest: string): Promise<void> {
    const found = `sha256:${await hashOf(partOf(path))}`;
    if (found !== digest) {
      await rm(partOf(path), { force: true });
      throw new ServiceError(Code.DATA_LOSS, `content is ${found}, announced was ${digest}; it was dropped`);
    }
    await rename(partOf(path), path);
    const folder = await open(this.folder, "r");
    await folder.sync().finally(() => folder.close());
  }

  private checkFile(bytes: number): Promise<void> {
    const uploading = new Set([...this.uploading].map((digest) => basename(partOf(this.path(digest)))));
    return this.space.checkFile(bytes, uploading);
  }

  private path(digest: string): string {
    const hex = digestPattern.exec(digest)?.[1];
    if (hex !== undefined) return join(this.folder, hex);
    const shown = JSON.stringify(digest.slice(0, 80));
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `digest ${shown} is not sha256: and 64 lower-case hex digits`,
    );
  }
}

function partOf(path: string): string {
  return `${path}.part`;
}

function checkedTotal(totalBytes: bigint): number {
  if (totalBytes > 0n && totalBytes <= BigInt(ARTIFACT_MAX_BYTES)) return Number(totalBytes);
  throw new ServiceError(
    Code.INVALID_ARGUMENT,
    `file of ${totalBytes} bytes is outside 1 to ${ARTIFACT_MAX_BYTES}`,
  );
}

async function nextPiece(pieces: AsyncIterator<ArtifactPiece>): Promise<ArtifactPiece | null> {
  const next = await pieces.next();
  return next.done === true ? null : next.value;
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (typeof error === "object" && error !== null && "code" in error && error.code === "ENOENT")
      return null;
    throw error;
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
