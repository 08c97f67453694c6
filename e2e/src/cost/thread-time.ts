import { readFileSync } from "node:fs";

/** Returns how long the first thread of a process has been on a processor since it began, milliseconds. */
export function firstThreadMs(pid: number): number {
  const [ns] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "utf8").split(" ");
  return Number(ns) / 1e6;
}
