import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ServiceError, systemClock } from "@infaas/runtime";
import { ProcessLog } from "./process-log";

/** How long a process may take to stop by itself before it is killed; Ctrl-C ends everything within 5 s. */
const STOP_GRACE_MS = 4_000;
/** Lines of a process's log that are shown when it dies unasked. */
const LAST_LINES = 8;
/** A process that dies more often than this within `RESTARTS_WITHIN_MS` is not started again. */
const RESTARTS_MAX = 5;
/** How long a restart counts, milliseconds. */
const RESTARTS_WITHIN_MS = 600_000;
/** Pause before a process that died is started again. */
const RESTART_DELAY_MS = 500;

/**
 * glibc hands large buffers back to the system one by one; a data path that moves 600 KB messages then spends
 * its time in page faults (decision 0004). Whoever starts the processes without this supervisor sets the
 * same.
 */
const allocatorSettings = {
  MALLOC_TRIM_THRESHOLD_: String(1 << 30),
  MALLOC_MMAP_THRESHOLD_: String(1 << 30),
  MALLOC_TOP_PAD_: String(64 << 20),
};

/** One process to run: a program with its arguments. */
export interface ProcessSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** Where the group keeps logs (`logs/<name>.log`) and process ids (`pids/<name>`), and whom it tells. */
export interface ProcessGroupOptions {
  readonly folder: string;
  note(line: string): void;
  /** A process is down for good. */
  onLoss(error: ServiceError): void;
}

/** Child processes under one roof: once all are up a death is followed by a restart; all stop together. */
export class ProcessGroup {
  private readonly children = new Map<string, ChildProcess>();
  /** When each process was started again, milliseconds, within `RESTARTS_WITHIN_MS`. */
  private readonly restarts = new Map<string, readonly number[]>();
  private state: "starting" | "up" | "stopping" = "starting";

  constructor(private readonly options: ProcessGroupOptions) {
    for (const name of ["logs", "pids"]) mkdirSync(join(options.folder, name), { recursive: true });
  }

  /** From now on a process that dies is started again, a bounded number of times. */
  keepUp(): void {
    this.state = "up";
  }

  /** Starts a process. */
  start(spec: ProcessSpec): void {
    const log = new ProcessLog(join(this.options.folder, "logs", `${spec.name}.log`));
    const env = { ...allocatorSettings, ...process.env };
    // A process group of its own, so that Ctrl-C reaches this supervisor alone and it stops the others in
    // order.
    const child = spawn(spec.command, spec.args, { detached: true, stdio: ["ignore", "pipe", "pipe"], env });
    const pidFile = join(this.options.folder, "pids", spec.name);
    if (child.pid !== undefined) this.notePid(pidFile, child.pid);
    const tail: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        log.write(chunk);
        tail.push(...chunk.toString().split("\n").filter(Boolean));
        tail.splice(0, Math.max(0, tail.length - LAST_LINES));
      });
    }
    child.on("error", (error) => tail.push(error.message));
    child.on("close", (status, signal) => {
      this.children.delete(spec.name);
      rmSync(pidFile, { force: true });
      log.close();
      this.afterDeath(spec, signal ?? `status ${status}`, tail);
    });
    this.children.set(spec.name, child);
  }

  /** Stops all, last started first; what does not stop in time is killed. */
  async stop(): Promise<void> {
    this.state = "stopping";
    const ends = [...this.children.values()].reverse().map((child) => {
      const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
      child.kill("SIGTERM");
      const timer = systemClock.setTimer(STOP_GRACE_MS, () => child.kill("SIGKILL"));
      return ended.then(() => timer.cancel());
    });
    await Promise.all(ends);
  }

  /** The file is for operators; without it the process runs as well. */
  private notePid(file: string, pid: number): void {
    try {
      writeFileSync(file, `${pid}\n`);
    } catch (error) {
      this.options.note(`${file} could not be written: ${ServiceError.from(error).message}`);
    }
  }

  private afterDeath(spec: ProcessSpec, how: string, tail: readonly string[]): void {
    if (this.state === "stopping") return;
    const nowMs = systemClock.nowMs();
    const recent = (this.restarts.get(spec.name) ?? []).filter((atMs) => nowMs - atMs < RESTARTS_WITHIN_MS);
    const count = recent.length + 1;
    if (this.state === "starting" || count > RESTARTS_MAX) {
      this.options.onLoss(
        new ServiceError(Code.UNAVAILABLE, `${spec.name} ended with ${how}: ${reasonOf(tail)}`),
      );
      return;
    }
    this.restarts.set(spec.name, [...recent, nowMs]);
    this.options.note(
      `${spec.name} ended with ${how}; starting it again (${count} of ${RESTARTS_MAX} within ten minutes)`,
    );
    systemClock.setTimer(RESTART_DELAY_MS, () => {
      if (this.state === "up") this.start(spec);
    });
  }
}

/** The message of the last line a process logged; its last lines as they are when that is no log line. */
function reasonOf(tail: readonly string[]): string {
  try {
    const { message } = JSON.parse(tail.at(-1) ?? "") as { message?: unknown };
    if (typeof message === "string") return message;
  } catch {
    // Not a log line: a crash before the logger, told in its own words.
  }
  return `\n${tail.join("\n")}`;
}
