import { createHash } from "node:crypto";
import { constants, copyFile, link, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { externalDataFault, externalNames, withFileBytes } from "@infaas/api";
import { type Clock, Code, ServiceError } from "@infaas/runtime";
import { makeFolder } from "./make-folder";

/** The files of a model by digest: the ONNX file, and the external data it takes weights from. */
export interface ModelFiles {
  readonly modelDigest: string;
  readonly externalData: readonly ExternalData[];
}

/** A file beside the ONNX file. */
export interface ExternalData {
  /** Path as the ONNX file writes it, relative to its own folder. */
  readonly name: string;
  readonly digest: string;
}

/** Ending of a folder's name while it is incomplete. */
const PARTIAL = ".part";

/**
 * Folders that hold the files of one model under the names its ONNX file expects: hard links to files kept by
 * digest, which take no space of their own and can be removed at any time. Where ONNX Runtime refuses links (weights of
 * bodies and functions) they are copies, which take none on file systems that clone.
 */
export class ModelFolders {
  private readonly arriving = new Map<string, Promise<string>>();

  /** `fileOf` resolves to the verified local file of a digest, on the disk of `folder`. */
  constructor(
    private readonly folder: string,
    private readonly clock: Clock,
    private readonly fileOf: (digest: string) => Promise<string>,
  ) {}

  /**
   * Returns the path of the ONNX file with its other files beside it.
   * @throws ServiceError INVALID_ARGUMENT for names that do not stay below the folder, or are given twice.
   */
  path(model: ModelFiles): Promise<string> {
    const fault = externalDataFault(model.externalData);
    if (fault !== null) return Promise.reject(new ServiceError(Code.INVALID_ARGUMENT, fault));
    const key = keyOf(model);
    const known = this.arriving.get(key);
    if (known !== undefined) return known;
    const arrival = this.bring(model, join(this.folder, key)).finally(() => this.arriving.delete(key));
    this.arriving.set(key, arrival);
    return arrival;
  }

  /** Removes folders unused since `keepFromMs` (epoch); the files linked there can then be removed. */
  async dropUnused(keepFromMs: number): Promise<void> {
    const names = await readdir(this.folder).catch(() => []);
    for (const name of names) {
      const path = join(this.folder, name);
      const used = await stat(path).catch(() => null);
      if (this.arriving.has(name.replace(PARTIAL, "")) || used === null || used.mtimeMs > keepFromMs)
        continue;
      await rm(path, { recursive: true, force: true });
    }
  }

  private async bring(model: ModelFiles, folder: string): Promise<string> {
    const file = `${model.modelDigest.replace(":", "-")}.onnx`;
    if ((await stat(folder).catch(() => null)) === null) await this.layOut(model, file, folder);
    const nowSeconds = this.clock.epochMs() / 1_000;
    await utimes(folder, nowSeconds, nowSeconds);
    return join(folder, file);
  }

  /**
   * Makes the folder under another name and renames it when it is complete. Each file is linked or copied as it
   * arrives: the store may remove it under its own name before the last one is there.
   */
  private async layOut(
    { modelDigest, externalData }: ModelFiles,
    file: string,
    folder: string,
  ): Promise<void> {
    const partial = `${folder}${PARTIAL}`;
    await rm(partial, { recursive: true, force: true });
    await makeFolder(partial);
    const model = join(partial, file);
    await link(await this.fileOf(modelDigest), model);
    const copied = new Set(innerNames(model));
    for (const { name, digest } of externalData) {
      const path = join(partial, name);
      await makeFolder(dirname(path));
      const from = await this.fileOf(digest);
      await (copied.has(name) ? copyFile(from, path, constants.COPYFILE_FICLONE) : link(from, path));
    }
    await rename(partial, folder);
  }
}

/** None of a file that is no ONNX model: whoever opens it says so. */
function innerNames(path: string): readonly string[] {
  const found = withFileBytes(path, externalNames);
  return found.ok ? found.inner : [];
}

function keyOf({ modelDigest, externalData }: ModelFiles): string {
  const files = externalData.map(({ name, digest }) => [name, digest]);
  return createHash("sha256")
    .update(JSON.stringify([modelDigest, ...files]))
    .digest("hex");
}
