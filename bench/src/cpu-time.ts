import { readdirSync, readFileSync } from "node:fs";

/**
 * Returns the CPU time of all threads of a process, microseconds (from /proc/<pid>/task/<tid>/schedstat;
 * Linux only).
 */
export function cpuMicroseconds(pid: number): number {
  const folder = `/proc/${pid}/task`;
  return (
    readdirSync(folder).reduce((sum, thread) => sum + onCpuNs(`${folder}/${thread}/schedstat`), 0) / 1000
  );
}

/** A thread may end between listing and reading; its time is then not counted. */
function onCpuNs(path: string): number {
  try {
    return Number(readFileSync(path, "utf8").split(" ")[0]);
  } catch {
    return 0;
  }
}
