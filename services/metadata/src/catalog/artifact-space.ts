import { rm, statfs } from "node:fs/promises";
import { type Clock, Code, ServiceError } from "@infaas/runtime";
import { type ArtifactFiles, PART } from "./artifact-files";

/** What model files may take of a disk. */
export interface ArtifactLimits {
  /** Bytes of all files, those that are being uploaded among them. */
  readonly bytesMax: number;
  /** Bytes of the files of one tenant, those that it is uploading among them. */
  readonly tenantBytesMax: number;
  /** Bytes of the disk that uploads leave free, so that records and logs can still be written. */
  readonly reserveBytes: number;
}

const GIB = 1024 ** 3;
export const ARTIFACT_LIMITS: ArtifactLimits = {
  bytesMax: 100 * GIB,
  tenantBytesMax: 50 * GIB,
  reserveBytes: GIB / 4,
};

/** An upload that brought nothing for so long gives way when room is short. */
const IDLE_UPLOAD_MS = 10 * 60_000;

/** The room for model files. */
export class ArtifactSpace {
  /** Bytes of all files when they were last looked at, and what came since. */
  private heldBytes = 0;
  /** The same of each tenant that uploads. */
  private readonly heldBytesOf = new Map<string, number>();

  constructor(
    private readonly files: ArtifactFiles,
    private readonly limits: ArtifactLimits,
    private readonly clock: Clock,
  ) {}

  /**
   * RESOURCE_EXHAUSTED when a file of so many more bytes has no room, also after idle uploads but those of
   * `uploading` (paths of parts) were dropped. The empty tenant has no bound of its own.
   */
  async checkFile(bytes: number, tenant: string, uploading: ReadonlySet<string>): Promise<void> {
    if ((await this.lackOfFile(bytes, tenant)) === null) return;
    await this.dropParts(IDLE_UPLOAD_MS, uploading);
    const lack = await this.lackOfFile(bytes, tenant);
    if (lack !== null) throw new ServiceError(Code.RESOURCE_EXHAUSTED, lack);
  }

  /** RESOURCE_EXHAUSTED when a piece of a file has no room any more: others write to the same disk. */
  async takePiece(bytes: number, tenant: string): Promise<void> {
    const lack = await this.lack(bytes, tenant);
    if (lack !== null) throw new ServiceError(Code.RESOURCE_EXHAUSTED, lack);
    this.heldBytes += bytes;
    if (tenant !== "") this.heldBytesOf.set(tenant, (this.heldBytesOf.get(tenant) ?? 0) + bytes);
  }

  /** Drops parts that brought nothing for `idleMs`, but those of `uploading` (paths); returns how many. */
  async dropParts(idleMs: number, uploading: ReadonlySet<string>): Promise<number> {
    const before = this.clock.epochMs() - idleMs;
    const parts = await this.files.parts();
    const idle = parts.filter(({ path, changedMs }) => !uploading.has(path) && changedMs <= before);
    for (const { path } of idle) await rm(path, { force: true });
    return idle.length;
  }

  private async lackOfFile(bytes: number, tenant: string): Promise<string | null> {
    const [common, parts] = await Promise.all([this.files.common(), this.files.parts()]);
    const whole = common.filter(({ name }) => !name.endsWith(PART));
    this.heldBytes = sum(whole) + sum(parts);
    if (tenant !== "") this.heldBytesOf.set(tenant, sum(await this.files.of(tenant)));
    return this.lack(bytes, tenant);
  }

  private async lack(bytes: number, tenant: string): Promise<string | null> {
    const { bytesMax, tenantBytesMax, reserveBytes } = this.limits;
    const { bavail, bsize } = await statfs(this.files.folder);
    const free = Math.max(0, bavail * bsize - reserveBytes);
    const coming = `${bytes} bytes of a file are to come`;
    if (bytes > free) return `${coming}, the disk has ${free} besides the ${reserveBytes} kept free`;
    const own = tenant === "" ? 0 : (this.heldBytesOf.get(tenant) ?? 0);
    if (tenant !== "" && own + bytes > tenantBytesMax)
      return `${coming}, files of tenant '${tenant}' hold ${own} of ${tenantBytesMax}`;
    if (this.heldBytes + bytes <= bytesMax) return null;
    return `${coming}, files hold ${this.heldBytes} of ${bytesMax}`;
  }
}

function sum(files: readonly { readonly bytes: number }[]): number {
  return files.reduce((total, { bytes }) => total + bytes, 0);
}
