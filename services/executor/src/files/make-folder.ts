import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes a folder and those it lies in. Rejects with what the disk says: Node's own recursive `mkdir` answers EIO and ENOSPC
 * with the ENOENT of the folder that it could not make.
 */
export async function makeFolder(path: string): Promise<void> {
  const fault = await made(path);
  if (fault === null) return;
  if (fault.code !== "ENOENT" || dirname(path) === path) throw fault;
  await makeFolder(dirname(path));
  const again = await made(path);
  if (again !== null) throw again;
}

/** Null: it is there now. */
async function made(path: string): Promise<NodeJS.ErrnoException | null> {
  try {
    await mkdir(path);
    return null;
  } catch (fault) {
    const known = fault as NodeJS.ErrnoException;
    return known.code === "EEXIST" ? null : known;
  }
}
