import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
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
 * another one is: what it keeps there is left alone. One that was killed is none; `found` is told of it.
 */
export function claimFolder(
  folder: string,
  found: (killed: Supervisor) => void = () => undefined,
): () => void {
  const file = fileOf(folder);
  const [own, stale] = [`${file}.${process.pid}`, `${file}.${process.pid}.stale`];
  const self: Supervisor = { pid: process.pid, began: beginOf(process.pid) ?? "" };
  try {
    // Linked when it is whole: nobody reads half of it.
    writeFileSync(own, `${JSON.stringify(self)}\n`);
    while (!unless("EEXIST", () => linkSync(own, file))) {
      refuseOther(folder, file);
      // Moved and looked at again: another may have taken the place of what was read.
      if (!unless("ENOENT", () => renameSync(file, stale))) continue;
      const taken = read(stale);
      if (taken !== null && isAlive(taken)) unless("EEXIST", () => linkSync(stale, file));
      else if (taken !== null) found(taken);
    }
    return () => rmSync(file, { force: true });
  } finally {
    for (const path of [own, stale]) rmSync(path, { force: true });
  }
}

function refuseOther(folder: string, file: string): void {
  const other = livingIn(file);
  if (other === null) return;
  const sentence = `${folder} belongs to the system that process ${other.pid} runs; stop it with 'infaas down', or choose another --data-dir`;
  throw new ServiceError(Code.FAILED_PRECONDITION, sentence);
}

/** Returns false where the file system answers with this code; throws with any other. */
function unless(code: string, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === code) return false;
    throw ServiceError.from(cause);
  }
}

/** Returns the living supervisor of a folder; null: there is none. */
export function supervisorOf(folder: string): Supervisor | null {
  return livingIn(fileOf(folder));
}

function livingIn(file: string): Supervisor | null {
  const supervisor = read(file);
  return supervisor !== null && isAlive(supervisor) ? supervisor : null;
}

function isAlive({ pid, began }: Supervisor): boolean {
  return beginOf(pid) === began;
}

/** Returns what a file says; null: it says nothing of a supervisor. */
function read(file: string): Supervisor | null {
  try {
    const { pid, began } = JSON.parse(readFileSync(file, "utf8")) as Supervisor;
    return { pid, began };
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
