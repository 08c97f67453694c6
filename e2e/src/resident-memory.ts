import { readdirSync, readFileSync } from "node:fs";

const pageBytes = 4096;

/** Returns the resident memory of a process (from /proc/<pid>/statm; Linux only). */
export function residentBytes(pid: number): number {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
  return Number(pages) * pageBytes;
}

/** Returns the resident memory of a process and of all that it has started; pages they share count for each. */
export function residentWithChildrenBytes(pid: number): number {
  return [pid, ...descendants(pid)].reduce((sum, each) => sum + residentOrGone(each), 0);
}

/** Returns the process ids of what a process has started itself; none where it is gone. */
export function childrenOf(pid: number): readonly number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8")
        .split(" ")
        .filter((word) => word.trim() !== "")
        .map(Number),
    );
  } catch {
    return [];
  }
}

function descendants(pid: number): readonly number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendants(child)]);
}

function residentOrGone(pid: number): number {
  try {
    return residentBytes(pid);
  } catch {
    return 0;
  }
}
