import { readFile } from "node:fs/promises";

/** Returns the resident bytes of a process; null when it has ended, or where there is no /proc. */
export function residentBytes(pid: number): Promise<number | null> {
  return statusBytes(pid, "VmRSS");
}

/**
 * Returns the writable private memory that a process has mapped, touched or not: what RLIMIT_DATA bounds. Null when it has
 * ended, or where there is no /proc.
 */
export function writableBytes(pid: number): Promise<number | null> {
  return statusBytes(pid, "VmData");
}

async function statusBytes(pid: number, field: "VmRSS" | "VmData"): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}
