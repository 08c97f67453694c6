import { readdirSync, readFileSync } from "node:fs";

/**
 * Returns the CPU time of all threads of a process, microseconds (from /proc/<pid>/task/<tid>/schedstat;
 * Linux only).
 */
export function cpuMicroseconds(pid: number): number {
  return sumOfThreads(pid, ON_CPU) / 1000;
}

/** Returns `cpuMicroseconds` of a process and of all its children: an executor with its engine processes. */
export function cpuWithChildrenMicroseconds(pid: number): number {
  return processesOf(pid).reduce((sum, each) => sum + cpuMicroseconds(each), 0);
}

/** Returns how long threads of a process and of its children could have run and had no core, microseconds, all together. */
export function coreWaitWithChildrenMicroseconds(pid: number): number {
  return processesOf(pid).reduce((sum, each) => sum + sumOfThreads(each, WAITED), 0) / 1000;
}

/** Returns a process with all that it has started, and they. */
export function processesOf(pid: number): readonly number[] {
  const children = threadsOf(pid).flatMap((thread) =>
    read(`${thread}/children`).split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(processesOf)];
}

/** Places in `schedstat`, both in nanoseconds. */
const ON_CPU = 0;
const WAITED = 1;

function sumOfThreads(pid: number, place: number): number {
  return threadsOf(pid).reduce(
    (sum, thread) => sum + Number(read(`${thread}/schedstat`).split(" ")[place] ?? 0),
    0,
  );
}

function threadsOf(pid: number): readonly string[] {
  const folder = `/proc/${pid}/task`;
  try {
    return readdirSync(folder).map((thread) => `${folder}/${thread}`);
  } catch {
    return [];
  }
}

/** A thread or child may end between listing and reading; what it told is then nothing. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
