import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Code, ServiceError } from "@infaas/runtime";

/** Where model files come from: the metadata service in production. */
export interface ArtifactSource {
  /** The bytes of an artifact from `offset` to its end, in order. */
  download(digest: string, offset: number): AsyncIterable<Uint8Array>;
}

/** Times one call of `file` goes on after an interrupted download. */
export const downloadAttemptsMax = 3;

const digestForm = /^sha256:([0-9a-f]{64})$/;

/**
 * Model files by digest in one folder. A file is downloaded once, however many ask for it at the same time; an
 * interrupted download goes on where it stopped, also after a restart; nothing is handed out that does not have the
 * digest it was asked by.
 */
export class ModelStore {
  private readonly arriving = new Map<string, Promise<string>>();

  constructor(
    private readonly folder: string,
    private readonly source: ArtifactSource,
  ) {}

  /** Returns the path of a verified local file. INVALID_ARGUMENT for a malformed digest, DATA_LOSS for wrong content. */
  file(digest: string): Promise<string> {
    const hex = digestForm.exec(digest)?.[1];
    if (hex === undefined) {
      const message = `artifact digest "${digest}" is not of the form sha256:<64 hex digits>`;
      return Promise.reject(new ServiceError(Code.INVALID_ARGUMENT, message));
    }
    const known = this.arriving.get(hex);
    if (known !== undefined) return known;
    const arrival = this.bring(digest, hex).finally(() => this.arriving.delete(hex));
    this.arriving.set(hex, arrival);
    return arrival;
  }

  private async bring(digest: string, hex: string): Promise<string> {
    const path = join(this.folder, hex);
    if ((await sizeOf(path)) !== null) {
      if ((await sha256(path)) === hex) return path;
      await rm(path, { force: true });
    }
    await mkdir(this.folder, { recursive: true });
    const partial = `${path}.part`;
    await this.download(digest, partial);
    const got = await sha256(partial);
    if (got !== hex) {
      await rm(partial, { force: true });
      throw new ServiceError(Code.DATA_LOSS, `artifact ${digest} arrived with sha256:${got}`);
    }
    await rename(partial, path);
    return path;
  }

  /** Appends what is missing; goes on after an interruption while there is progress or an attempt left. */
  private async download(digest: string, partial: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const offset = (await sizeOf(partial)) ?? 0;
      try {
        await append(partial, this.source.download(digest, offset));
        return;
      } catch (fault) {
        const error = ServiceError.from(fault);
        if (error.code !== Code.UNAVAILABLE || attempt >= downloadAttemptsMax) throw error;
      }
    }
  }
}

async function append(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, "a");
  try {
    for await (const chunk of chunks) await file.write(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (fault) {
    if (typeof fault === "object" && fault !== null && "code" in fault && fault.code === "ENOENT")
      return null;
    throw fault;
  }
}

/** Hex digest of a file's content, read in pieces. */
async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
