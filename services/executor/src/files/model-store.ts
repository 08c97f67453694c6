import { createHash } from "node:crypto";
import { createReadStream, type Stats } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { ArtifactSource } from "@infaas/cluster";
import { type Clock, Code, diskFailure, isDiskFull, ServiceError } from "@infaas/runtime";
import { type ModelFiles, ModelFolders } from "./model-folders";

/** Attempts of one call of `file` to download the same bytes. */
export const DOWNLOAD_ATTEMPTS_MAX = 3;

/** Age below which a file is not removed, however full the folder is: its user may not have opened it yet. */
export const MODEL_FILE_KEEP_MS = 60_000;

export interface ModelStoreOptions {
  readonly folder: string;
  readonly source: ArtifactSource;
  readonly clock: Clock;
  /** Bytes of the folder; beyond it the files unused for longest are removed. */
  readonly bytesMax: number;
}

const DIGEST_FORM = /^sha256:([0-9a-f]{64})$/;
const HEX_DIGITS = 64;
/** Folder of `ModelFolders`. */
const FOLDERS_NAME = "folders";

/**
 * Model files by digest in one folder. A file is downloaded once, however many ask for it at the same time;
 * an interrupted download is resumed where it stopped, also after a restart; every file is verified against
 * its digest before its path is returned. After each download the least recently used files are removed until
 * the rest fits; a loaded model no longer needs its file.
 */
export class ModelStore {
  private readonly arriving = new Map<string, Promise<string>>();
  private readonly folders: ModelFolders;

  constructor(private readonly options: ModelStoreOptions) {
    const { folder, clock } = options;
    this.folders = new ModelFolders(join(folder, FOLDERS_NAME), clock, (digest) => this.file(digest));
  }

  /**
   * Returns the path of a model's file, its external data beside it. Fails like `file` and
   * `ModelFolders.path`, with RESOURCE_EXHAUSTED on a full disk and UNAVAILABLE on one that fails.
   */
  async model(files: ModelFiles): Promise<string> {
    const arrival = files.externalData.length === 0 ? this.file(files.modelDigest) : this.folders.path(files);
    try {
      return await arrival;
    } catch (cause) {
      throw diskFailure(`model file ${files.modelDigest}`, cause, this.options.folder);
    }
  }

  /**
   * Returns the path of a verified local file. INVALID_ARGUMENT for a malformed digest, DATA_LOSS for wrong
   * content.
   */
  file(digest: string): Promise<string> {
    const hex = DIGEST_FORM.exec(digest)?.[1];
    if (hex === undefined) {
      const message = `artifact digest '${digest}' is not of the form sha256:<64 hex digits>`;
      return Promise.reject(new ServiceError(Code.INVALID_ARGUMENT, message));
    }
    const known = this.arriving.get(hex);
    if (known !== undefined) return known;
    const arrival = this.bring(digest, hex).finally(() => this.arriving.delete(hex));
    this.arriving.set(hex, arrival);
    return arrival;
  }

  private async bring(digest: string, hex: string): Promise<string> {
    const path = join(this.options.folder, hex);
    if ((await statOf(path)) !== null) {
      if ((await sha256(path)) === hex) return this.touched(path);
      await rm(path, { force: true });
    }
    await mkdir(this.options.folder, { recursive: true });
    const partial = `${path}.part`;
    await this.downloadWithRoom(digest, partial);
    const got = await sha256(partial);
    if (got !== hex) {
      await rm(partial, { force: true });
      throw new ServiceError(Code.DATA_LOSS, `artifact ${digest} arrived with sha256:${got}`);
    }
    await rename(partial, path);
    await this.touched(path);
    await this.makeRoom();
    return path;
  }

  /** Sets the file's time of use, which outlives restarts, to now. */
  private async touched(path: string): Promise<string> {
    const nowSeconds = this.options.clock.epochMs() / 1_000;
    await utimes(path, nowSeconds, nowSeconds);
    return path;
  }

  /** A full disk gives what was not used lately for what is needed now. */
  private async downloadWithRoom(digest: string, partial: string): Promise<void> {
    try {
      await this.download(digest, partial);
    } catch (fault) {
      if (!isDiskFull(fault)) throw fault;
      await this.makeRoom(0);
      await this.download(digest, partial);
    }
  }

  /**
   * Removes the files unused for longest until the rest fits into `bytesMax`; abandoned downloads count as
   * files.
   */
  private async makeRoom(bytesMax = this.options.bytesMax): Promise<void> {
    const { folder, clock } = this.options;
    const kept = await usedFiles(folder);
    let bytes = kept.reduce((sum, { size }) => sum + size, 0);
    if (bytes <= bytesMax) return;
    const keepFromMs = clock.epochMs() - MODEL_FILE_KEEP_MS;
    await this.folders.dropUnused(keepFromMs);
    for (const { name, size, usedMs } of kept) {
      if (bytes <= bytesMax || usedMs > keepFromMs) return;
      if (this.arriving.has(name.slice(0, HEX_DIGITS))) continue;
      await rm(join(folder, name), { force: true });
      bytes -= size;
    }
  }

  /** Appends what is missing; tries again after UNAVAILABLE, up to `DOWNLOAD_ATTEMPTS_MAX` times. */
  private async download(digest: string, partial: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const offset = (await statOf(partial))?.size ?? 0;
      try {
        await append(partial, this.options.source.download(digest, offset));
        return;
      } catch (fault) {
        if (isDiskFull(fault)) throw fault;
        const error = ServiceError.from(fault);
        if (error.code !== Code.UNAVAILABLE || attempt >= DOWNLOAD_ATTEMPTS_MAX) throw fault;
      }
    }
  }
}

/** The files of a folder, least recently used first; one that is removed meanwhile is left out. */
async function usedFiles(folder: string) {
  const names = await readdir(folder);
  const files = await Promise.all(
    names.map(async (name) => ({ name, stats: await statOf(join(folder, name)) })),
  );
  return files
    .flatMap(({ name, stats }) =>
      stats === null || !stats.isFile() ? [] : [{ name, size: stats.size, usedMs: stats.mtimeMs }],
    )
    .sort((a, b) => a.usedMs - b.usedMs);
}

async function append(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, "a");
  try {
    for await (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function statOf(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
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
