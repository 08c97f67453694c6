import { createReadStream } from "node:fs";
import { link, rename, rm, utimes } from "node:fs/promises";
import { dirname } from "node:path";
import { type Clock, Code, diskFailure, ServiceError, systemClock } from "@infaas/runtime";
import {
  ArtifactFiles,
  digestOf,
  failedWith,
  makeFolder,
  sizeOf,
  statOf,
  syncFolder,
  unlessMissing,
} from "./artifact-files";
import { ARTIFACT_LIMITS, type ArtifactLimits, ArtifactSpace } from "./artifact-space";
import { type ArtifactPiece, receivePieces } from "./artifact-upload";

/** Largest file taken: well beyond any model of this system's engines, far below a full disk by mistake. */
export const ARTIFACT_MAX_BYTES = 4 * 1024 ** 3;
/** A download comes in pieces of this size, so that a slow reader holds little memory. */
const downloadChunkBytes = 1 << 20;
/** A file that was used more recently need not be marked as used. */
const USE_MARKED_MS = 60 * 60_000;

/** How much of a file is there. */
export interface ArtifactState {
  readonly complete: boolean;
  readonly receivedBytes: number;
}

/**
 * Files by the sha256 of their content, in one folder. A file appears under its name only whole and verified;
 * until then it is a part, which an interrupted upload goes on with, also after a restart.
 *
 * A file belongs to the tenants that uploaded all of it. To other tenants it is not there, until they upload it themselves;
 * a file that belongs to none is everybody's. The empty tenant is a member, which sees all (decision 0036).
 */
export class Artifacts {
  readonly space: ArtifactSpace;
  /** Paths of the parts that uploads of this process write to. */
  private readonly writing = new Set<string>();
  private received = 0;

  private constructor(
    readonly files: ArtifactFiles,
    limits: ArtifactLimits,
    private readonly clock: Clock,
  ) {
    this.space = new ArtifactSpace(files, limits, clock);
  }

  static async open(
    folder: string,
    limits: ArtifactLimits = ARTIFACT_LIMITS,
    clock: Clock = systemClock,
  ): Promise<Artifacts> {
    await makeFolder(folder);
    return new Artifacts(new ArtifactFiles(folder), limits, clock);
  }

  /** Bytes received by uploads since the start. */
  get receivedBytes(): number {
    return this.received;
  }

  /** Paths of the parts that are being uploaded. */
  get uploading(): ReadonlySet<string> {
    return this.writing;
  }

  /** INVALID_ARGUMENT for a malformed digest; an unknown one has received 0 bytes. */
  async stat(digest: string, tenant = ""): Promise<ArtifactState> {
    const path = this.files.whole(digest);
    const complete = (await this.isSeenBy(digest, tenant)) ? await sizeOf(path) : null;
    if (complete === null)
      return { complete: false, receivedBytes: (await sizeOf(this.files.part(digest, tenant))) ?? 0 };
    // A disk that does not take the mark gives what is asked for all the same.
    await this.markUsed(path).catch(() => undefined);
    return { complete: true, receivedBytes: complete };
  }

  /**
   * As `stat`; a complete file is not collected before a record that is written now can name it. Fails when the disk does
   * not take the mark.
   */
  async keep(digest: string, tenant = ""): Promise<ArtifactState> {
    try {
      await this.markUsed(this.files.whole(digest));
      return await this.stat(digest, tenant);
    } catch (cause) {
      throw diskFailure(`marking ${digest} as used`, cause, this.files.folder);
    }
  }

  /**
   * Takes a file in pieces; returns its size once it is whole, verified and durable. A stream that ends early
   * leaves what it brought. ABORTED while another upload of the same file runs, RESOURCE_EXHAUSTED when there
   * is no room for it, OUT_OF_RANGE for a piece in the wrong place, INVALID_ARGUMENT for a bad size, DATA_LOSS
   * when the content is not what the digest says (all of it is dropped).
   */
  async upload(pieces: AsyncIterable<ArtifactPiece>): Promise<number> {
    const iterator = pieces[Symbol.asyncIterator]();
    const first = await iterator.next();
    if (first.done === true)
      throw new ServiceError(Code.INVALID_ARGUMENT, "upload has no message: digest is not known");
    const { digest, tenant = "" } = first.value;
    const part = this.files.part(digest, tenant);
    const totalBytes = checkedTotal(first.value.totalBytes);
    if (this.writing.has(part))
      throw new ServiceError(Code.ABORTED, `${digest} is being uploaded by another call`);
    this.writing.add(part);
    try {
      const there = (await this.stat(digest, tenant)).complete;
      if (!there) await this.receive({ digest, tenant, part, totalBytes }, first.value, iterator);
      await syncFolder(this.files.folder);
      return (await sizeOf(this.files.whole(digest))) ?? totalBytes;
    } catch (cause) {
      const what = `the upload of ${digest}, ${totalBytes} bytes,`;
      throw diskFailure(what, cause, this.files.folder);
    } finally {
      this.writing.delete(part);
    }
  }

  /**
   * The file from `offset` on; NOT_FOUND unless it is complete, OUT_OF_RANGE for an offset beyond its end.
   */
  async *download(
    digest: string,
    offset: bigint,
    tenant = "",
  ): AsyncGenerator<{ data: Uint8Array; totalBytes: number }> {
    const { complete, receivedBytes: totalBytes } = await this.stat(digest, tenant);
    if (!complete) {
      throw new ServiceError(
        Code.NOT_FOUND,
        `${digest} is not here whole: ${totalBytes} bytes of it were received`,
      );
    }
    if (offset < 0n || offset > BigInt(totalBytes)) {
      throw new ServiceError(
        Code.OUT_OF_RANGE,
        `offset ${offset} is outside the ${totalBytes} bytes of ${digest}`,
      );
    }
    const path = this.files.whole(digest);
    const stream = createReadStream(path, { start: Number(offset), highWaterMark: downloadChunkBytes });
    for await (const data of stream) yield { data: data as Buffer, totalBytes };
  }

  private async receive(
    upload: { digest: string; tenant: string; part: string; totalBytes: number },
    first: ArtifactPiece,
    rest: AsyncIterator<ArtifactPiece>,
  ): Promise<void> {
    const { digest, tenant, part, totalBytes } = upload;
    await this.space.checkFile(totalBytes - ((await sizeOf(part)) ?? 0), tenant, this.writing);
    if (tenant !== "") await makeFolder(dirname(part));
    const take = async (bytes: number) => {
      await this.space.takePiece(bytes, tenant);
      this.received += bytes;
    };
    await receivePieces({ part, totalBytes, take }, first, rest);
    const found = await digestOf(part);
    if (found !== digest) {
      await rm(part, { force: true });
      throw new ServiceError(Code.DATA_LOSS, `content is ${found}, announced was ${digest}; it was dropped`);
    }
    if (tenant === "") await rename(part, this.files.whole(digest));
    else await this.own(digest, tenant, part);
  }

  /**
   * Makes a verified part the tenant's, then everybody's that owns it: a file is never there for all without its owner. Of
   * content that is there already one copy is kept.
   */
  private async own(digest: string, tenant: string, part: string): Promise<void> {
    const [whole, owned] = [this.files.whole(digest), this.files.owned(digest, tenant)];
    const isThere = (await sizeOf(owned)) === null && (await this.markUsed(whole));
    if (isThere && (await addName(whole, owned))) await rm(part, { force: true });
    else await rename(part, owned);
    await syncFolder(dirname(owned));
    await addName(owned, whole);
  }

  private async isSeenBy(digest: string, tenant: string): Promise<boolean> {
    if (tenant === "") return true;
    if ((await sizeOf(this.files.owned(digest, tenant))) !== null) return true;
    return !(await this.files.isOwned(digest));
  }

  /** Marks a file as used, where it was not lately; false when there is none. */
  private async markUsed(path: string): Promise<boolean> {
    const nowMs = this.clock.epochMs();
    const entry = await statOf(path);
    if (entry === null || nowMs - entry.mtimeMs < USE_MARKED_MS) return entry !== null;
    return await unlessMissing(() => utimes(path, nowMs / 1_000, nowMs / 1_000));
  }
}

/** Gives a file one more name, where that is free; false when there is no such file. */
async function addName(file: string, name: string): Promise<boolean> {
  try {
    return await unlessMissing(() => link(file, name));
  } catch (error) {
    if (failedWith("EEXIST", error)) return true;
    throw error;
  }
}

function checkedTotal(totalBytes: bigint): number {
  if (totalBytes > 0n && totalBytes <= BigInt(ARTIFACT_MAX_BYTES)) return Number(totalBytes);
  throw new ServiceError(
    Code.INVALID_ARGUMENT,
    `file of ${totalBytes} bytes is outside 1 to ${ARTIFACT_MAX_BYTES}`,
  );
}
