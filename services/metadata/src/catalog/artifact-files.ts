import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Code, ServiceError } from "@infaas/runtime";

/** Ending of a file's name until it is whole. */
export const PART = ".part";
/** Ending of a file's name while it is decided whether it is collected. */
export const LEAVING = ".leaving";
const DIGEST_FORM = /^sha256:([0-9a-f]{64})$/;
const TENANT_FORM = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const TENANTS_FOLDER = "tenants";

/** A file or part of one, as it lies on disk. */
export interface FoundFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly changedMs: number;
}

/**
 * Where model files lie: `<hex>` each whole file, `<hex>.part` what came of one; under `tenants/<tenant>/` a hard link to
 * each file that belongs to the tenant, and its parts. Names are made of the 64 digits of a checked digest and a checked
 * tenant, and nothing else.
 */
export class ArtifactFiles {
  constructor(readonly folder: string) {}

  /** The file for everybody who may see it. INVALID_ARGUMENT for a malformed digest. */
  whole(digest: string): string {
    return join(this.folder, hexOf(digest));
  }

  /** The tenant's link to the file. INVALID_ARGUMENT for a malformed digest or tenant. */
  owned(digest: string, tenant: string): string {
    return join(this.tenantFolder(tenant), hexOf(digest));
  }

  /** What has come of a file; of the empty tenant: of an upload that belongs to nobody. */
  part(digest: string, tenant: string): string {
    return `${tenant === "" ? this.whole(digest) : this.owned(digest, tenant)}${PART}`;
  }

  tenantFolder(tenant: string): string {
    if (TENANT_FORM.test(tenant)) return join(this.folder, TENANTS_FOLDER, tenant);
    const allowed = "1 to 64 letters, digits and . _ -";
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `tenant ${JSON.stringify(tenant.slice(0, 80))} is not ${allowed}`,
    );
  }

  /** Tenants that have, or had, files. */
  async tenants(): Promise<readonly string[]> {
    return (await namesIn(join(this.folder, TENANTS_FOLDER))).filter((name) => TENANT_FORM.test(name));
  }

  /** Whether the file belongs to some tenant. */
  async isOwned(digest: string): Promise<boolean> {
    const tenants = await this.tenants();
    const sizes = await Promise.all(tenants.map((tenant) => sizeOf(this.owned(digest, tenant))));
    return sizes.some((size) => size !== null);
  }

  /** Files and parts of everybody in common. */
  common(): Promise<readonly FoundFile[]> {
    return filesIn(this.folder);
  }

  /** Files and parts of one tenant. */
  async of(tenant: string): Promise<readonly FoundFile[]> {
    return await filesIn(this.tenantFolder(tenant));
  }

  /** Parts of everybody. */
  async parts(): Promise<readonly FoundFile[]> {
    const tenants = await this.tenants();
    const all = await Promise.all([this.common(), ...tenants.map((tenant) => this.of(tenant))]);
    return all.flat().filter(({ name }) => name.endsWith(PART));
  }
}

/** Creates a folder that is to outlive a power cut. */
export async function makeFolder(path: string): Promise<void> {
  if ((await mkdir(path, { recursive: true })) !== undefined) await syncFolder(join(path, ".."));
}

/** Resolves once the names in a folder are durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  await folder.sync().finally(() => folder.close());
}

/** Bytes of a file; null when there is none. */
export async function sizeOf(path: string): Promise<number | null> {
  return (await statOf(path))?.size ?? null;
}

/** Facts of a file; null when there is none. */
export async function statOf(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (failedWith("ENOENT", error)) return null;
    throw error;
  }
}

/** Does something to a file; false when there is no such file. */
export async function unlessMissing(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    if (failedWith("ENOENT", error)) return false;
    throw error;
  }
}

/** Whether a call failed with this system error. */
export function failedWith(code: string, error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === code;
}

/** Digest of a file's content. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}

function hexOf(digest: string): string {
  const hex = DIGEST_FORM.exec(digest)?.[1];
  if (hex !== undefined) return hex;
  const shown = JSON.stringify(digest.slice(0, 80));
  throw new ServiceError(
    Code.INVALID_ARGUMENT,
    `digest ${shown} is not sha256: and 64 lower-case hex digits`,
  );
}

async function filesIn(folder: string): Promise<FoundFile[]> {
  const found = await Promise.all(
    (await namesIn(folder)).map(async (name) => {
      const path = join(folder, name);
      const entry = await statOf(path);
      if (entry === null || !entry.isFile()) return [];
      return [{ name, path, bytes: entry.size, changedMs: entry.mtimeMs }];
    }),
  );
  return found.flat();
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (failedWith("ENOENT", error)) return [];
    throw error;
  }
}
