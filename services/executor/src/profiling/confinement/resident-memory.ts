import { readFile } from "node:fs/promises";

const FORM = /^VmRSS:\s+(\d+) kB$/m;

/** Returns the resident bytes of a process; null when it has ended, or where there is no /proc. */
export async function residentBytes(pid: number): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kilobytes = FORM.exec(status)?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) * 1024;
}
