import { readdir, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, Code, ServiceError } from "@infaas/runtime";

/** What model files may take of a disk. */
export interface ArtifactLimits {
  /** Bytes of all files, those that are being uploaded among them. */
  readonly bytesMax: number;
  /** Bytes of the disk that uploads leave free, so that records and logs can still be written. */
  readonly reserveBytes: number;
}

export const ARTIFACT_LIMITS: ArtifactLimits = { bytesMax: 100 * 1024 ** 3, reserveBytes: 256 * 1024 ** 2 };

/** An upload that brought nothing for so long gives way when room is short. */
const IDLE_UPLOAD_MS = 10 * 60_000;
/** One that brought nothing for so long is dropped at the start. */
const KEPT_UPLOAD_MS = 24 * 60 * 60_000;
/** Errors of a disk, or of a user's part of it, that is full. */
const FULL = new Set(["ENOSPC", "EDQUOT"]);

/** The room for model files in one folder. */
export class ArtifactSpace {
  /** Bytes of all files when they were last looked at, and what came since. */
  private heldBytes = 0;

  private constructor(
    private readonly folder: string,
    private readonly limits: ArtifactLimits,
    private readonly clock: Clock,
  ) {}

  /** Drops what uploads left behind long ago. */
  static async open(folder: string, limits: ArtifactLimits, clock: Clock): Promise<ArtifactSpace> {
    const space = new ArtifactSpace(folder, limits, clock);
    await space.collect(KEPT_UPLOAD_MS, new Set());
    return space;
  }

  /**
   * RESOURCE_EXHAUSTED when a file of so many more bytes has no room, also after idle uploads but those of `uploading`
   * (names of files) were dropped.
   */
  async checkFile(bytes: number, uploading: ReadonlySet<string>): Promise<void> {
    if ((await this.lackOfFile(bytes)) === null) return;
    await this.collect(IDLE_UPLOAD_MS, uploading);
    const lack = await this.lackOfFile(bytes);
    if (lack !== null) throw new ServiceError(Code.RESOURCE_EXHAUSTED, lack);
  }

  /** RESOURCE_EXHAUSTED when a piece of a file has no room any more: others write to the same disk. */
  async takePiece(bytes: number): Promise<void> {
    const lack = await this.lack(bytes);
    if (lack !== null) throw new ServiceError(Code.RESOURCE_EXHAUSTED, lack);
    this.heldBytes += bytes;
  }

  private async lackOfFile(bytes: number): Promise<string | null> {
    this.heldBytes = (await this.files()).reduce((sum, file) => sum + file.bytes, 0);
    return this.lack(bytes);
  }

  private async lack(bytes: number): Promise<string | null> {
    const { bytesMax, reserveBytes } = this.limits;
    const held = this.heldBytes;
    const { bavail, bsize } = await statfs(this.folder);
    const free = Math.max(0, bavail * bsize - reserveBytes);
    if (bytes > free)
      return `${bytes} bytes of a file are to come, the disk has ${free} besides the ${reserveBytes} kept free`;
    if (held + bytes <= bytesMax) return null;
    return `${bytes} bytes of a file are to come, files hold ${held} of ${bytesMax}`;
  }

  private async collect(idleMs: number, uploading: ReadonlySet<string>): Promise<void> {
    const before = this.clock.epochMs() - idleMs;
    for (const { name, changedMs } of await this.files()) {
      if (!name.endsWith(".part") || uploading.has(name) || changedMs > before) continue;
      await rm(join(this.folder, name), { force: true });
    }
  }

  private async files() {
    const names = await readdir(this.folder);
    const found = await Promise.all(
      names.map(async (name) => {
        const entry = await stat(join(this.folder, name)).catch(() => null);
        return entry === null ? [] : [{ name, bytes: entry.size, changedMs: entry.mtimeMs }];
      }),
    );
    return found.flat();
  }
}

/** RESOURCE_EXHAUSTED for a write that found the disk full, and UNAVAILABLE for one that failed otherwise. */
export function writeFailure(what: string, cause: unknown): ServiceError {
  if (cause instanceof ServiceError) return cause;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (FULL.has(code)) {
    return new ServiceError(Code.RESOURCE_EXHAUSTED, `${what} found the disk full (${code})`, { cause });
  }
  return code === "EIO" || code === "EROFS"
    ? new ServiceError(Code.UNAVAILABLE, `${what} failed (${code})`, { cause })
    : ServiceError.from(cause);
}
