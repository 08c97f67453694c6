import { constants, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ProfileModelRequest } from "@infaas/api";
import { decodeModel, encodeModel } from "@infaas/onnx";
import type { ProfilePorts } from "../measurement/profile-ports";
import { expectFiles } from "../onnx/expect-files";
import { fitGraph } from "../onnx/fit-graph";

/** The file that is profiled and served: the registered one, or one fitted to the task. */
export interface FittedFile {
  readonly path: string;
  /** Uploads a file that was made here; resolves to its digest, or null for the registered file. */
  store(): Promise<string | null>;
  /** Removes what was made here. */
  remove(): Promise<void>;
}

/**
 * Fits a registered file to its task as its owner's mapping says, see `fitGraph`. A fitted file keeps its weights where
 * the registered one has them, so files beside it are copied with it.
 * @throws ServiceError INVALID_ARGUMENT for a file that is no model, or a mapping that is none of it.
 */
export async function fitModel(
  { architecture, task }: ProfileModelRequest,
  path: string,
  { scratchDir, storeArtifact }: ProfilePorts,
): Promise<FittedFile> {
  const { mapping = [], externalData = [] } = architecture ?? {};
  const registered = { path, store: async () => null, remove: async () => undefined };
  if (mapping.length === 0 && task?.signature === undefined) return registered;
  expectFiles(path, externalData);
  const model = decodeModel(await readFile(path));
  if (!fitGraph(model, mapping, task?.signature)) return registered;
  const folder = await mkdtemp(join(scratchDir, "fit-"));
  const fitted = join(folder, "fitted.onnx");
  for (const { name } of externalData) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await copyFile(join(dirname(path), name), join(folder, name), constants.COPYFILE_FICLONE);
  }
  await writeFile(fitted, encodeModel(model));
  return {
    path: fitted,
    store: () => storeArtifact(fitted),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
