import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ServiceError, sleep, systemClock } from "@infaas/runtime";

/** The process that supervises a data folder. */
export interface Supervisor {
  readonly pid: number;
  /** When it began, as the kernel counts: another process with this id by now began at another time. */
  readonly began: string;
}

/** How long a supervisor may take to stop everything: its children have four seconds. */
const DOWN_MAX_MS = 10_000;
const POLL_MS = 50;

/**
 * Makes this process the supervisor of a folder until the returned function is called. FAILED_PRECONDITION while
 * another one is: what it keeps there is left alone. One that was killed is none.
 */
export function claimFolder(folder: string): () => void {
  const file = fileOf(folder);
  const self: Supervisor = { pid: process.pid, began: beginOf(process.pid) ?? "" };
  for (;;) {
    try {
      writeFileSync(file, `${JSON.stringify(self)}\n`, { flag: "wx" });
      return () => rmSync(file, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw ServiceError.from(cause);
    }
    const other = supervisorOf(folder);
    if (other !== null) {
      const sentence = `${folder} belongs to the system that process ${other.pid} runs; stop it with 'infaas down', or choose another --data-dir`;
      throw new ServiceError(Code.FAILED_PRECONDITION, sentence);
    }
    rmSync(file, { force: true });
  }
}

/** Returns the living supervisor of a folder; null: there is none. */
export function supervisorOf(folder: string): Supervisor | null {
  try {
    const { pid, began } = JSON.parse(readFileSync(fileOf(folder), "utf8")) as Supervisor;
    return beginOf(pid) === began ? { pid, began } : null;
  } catch {
    return null;
  }
}

/**
 * Asks the supervisor of a folder to stop everything, and resolves with it once it has ended. NOT_FOUND when there is
 * none, DEADLINE_EXCEEDED when it has not ended within ten seconds.
 */
export async function endSupervisor(folder: string): Promise<Supervisor> {
  const supervisor = supervisorOf(folder);
  if (supervisor === null) throw new ServiceError(Code.NOT_FOUND, `nothing was started on ${folder}`);
  process.kill(supervisor.pid, "SIGTERM");
  const giveUpAtMs = systemClock.nowMs() + DOWN_MAX_MS;
  while (beginOf(supervisor.pid) === supervisor.began) {
    if (systemClock.nowMs() > giveUpAtMs) {
      const both = `process ${supervisor.pid} has not ended within ${DOWN_MAX_MS} ms`;
      throw new ServiceError(Code.DEADLINE_EXCEEDED, `${both}; its logs are in ${join(folder, "logs")}`);
    }
    await sleep(systemClock, POLL_MS);
  }
  return supervisor;
}

function fileOf(folder: string): string {
  return join(folder, "supervisor.json");
}

/** Start time of a living process in clock ticks since boot (proc(5), field 22); empty where there is no procfs; null: it is gone. */
function beginOf(pid: number): string | null {
  if (!Number.isInteger(pid) || pid <= 0) return null;
  try {
    if (process.platform !== "linux") return process.kill(pid, 0) ? "" : null;
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, ...fields] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" ? null : (fields[18] ?? null);
  } catch {
    return null;
  }
}
