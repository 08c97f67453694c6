import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ServiceError, systemRandom } from "@infaas/runtime";

const FILE_NAME = "metadata.lock";
/** Field of /proc/<pid>/stat, counted after the name: when the process was started, in clock ticks since boot. */
const START_FIELD = 19;
const NAME_RANDOM_BYTES = 8;

/**
 * Takes the folder of a store for this process; returns how to give it back. The lock of a process that has ended is taken
 * over, also where another process has its id by now.
 * @throws ServiceError FAILED_PRECONDITION, with its id, while another process has it.
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, FILE_NAME);
  const own = identityOf(process.pid) ?? "";
  for (;;) {
    if (isCreated(path, own)) return () => rmSync(path, { force: true });
    const holder = contentOf(path);
    if (holder === null) continue;
    if (isRunning(holder)) throw inUse(holder);
    removeStale(path, holder);
  }
}

function isCreated(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: "wx" });
    return true;
  } catch (error) {
    if (isOf("EEXIST", error)) return false;
    throw error;
  }
}

/** Another process may have taken the lock over meanwhile: what is moved away is looked at again. */
function removeStale(path: string, stale: string): void {
  const aside = `${path}.${systemRandom.hex(NAME_RANDOM_BYTES)}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isOf("ENOENT", error)) return;
    throw error;
  }
  const moved = contentOf(aside);
  rmSync(aside, { force: true });
  if (moved === null || moved === stale || !isRunning(moved)) return;
  writeFileSync(path, moved);
  throw inUse(moved);
}

function isRunning(holder: string): boolean {
  const pid = Number(holder.split(" ")[0]);
  return pid !== process.pid && identityOf(pid) === holder;
}

/** Process id and start, which tell a process from all others; null when there is none. */
function identityOf(pid: number): string | null {
  const stat = contentOf(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields === undefined ? null : `${pid} ${fields[START_FIELD]}`;
}

function contentOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isOf("ENOENT", error) || isOf("ESRCH", error)) return null;
    throw error;
  }
}

function inUse(holder: string): ServiceError {
  return new ServiceError(
    Code.FAILED_PRECONDITION,
    `metadata file is in use by process ${holder.split(" ")[0]}; the embedded store is for one metadata process at a time`,
  );
}

function isOf(code: string, error: unknown): boolean {
  return typeof error === "object" && error !== null && "code" in error && error.code === code;
}
