import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Code, ServiceError, systemClock, type Timer } from "@infaas/runtime";
import { type Command, canEndWithParent, endWithParent } from "./end-with-parent";
import { ProcessLog } from "./process-log";

/** Time from SIGTERM to SIGKILL, milliseconds; Ctrl-C ends everything within 5 s. */
const STOP_GRACE_MS = 4_000;
/** Lines of a process's log that are shown when it exits unexpectedly. */
const LAST_LINES = 8;
/** Most restarts of one process within `RESTARTS_WITHIN_MS`; after one more exit it rests until fewer count. */
const RESTARTS_MAX = 5;
/** Window in which restarts are counted, milliseconds. */
const RESTARTS_WITHIN_MS = 600_000;
/** Pause before a restart, milliseconds. */
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

/** One process to run. */
export interface ProcessSpec extends Command {
  readonly name: string;
}

/** What follows the life of one process; the group does not start it again by itself. */
export interface ProcessWatch {
  /** It has just been started, and has no children yet. */
  started(pid: number): void;
  /** It has ended: how, and what it said last. Not called when the whole group stops. */
  ended(how: string): void;
}

/** Folder for logs (`logs/<name>.log`) and process ids (`pids/<name>`), and a callback for losses. */
export interface ProcessGroupOptions {
  readonly folder: string;
  note(line: string): void;
  /** Called when a process exits before all are up. */
  onLoss(error: ServiceError): void;
}

/**
 * A supervisor of child processes: after `keepUp` one that exits is restarted; all stop together, also when this process
 * is killed.
 */
export class ProcessGroup {
  private readonly children = new Map<string, ChildProcess>();
  /** When each process was started again, milliseconds, within `RESTARTS_WITHIN_MS`. */
  private readonly restarts = new Map<string, readonly number[]>();
  private readonly timers = new Set<Timer>();
  private state: "starting" | "up" | "stopping" = "starting";
  private readonly canEndWithParent = canEndWithParent();

  constructor(private readonly options: ProcessGroupOptions) {
    if (!this.canEndWithParent)
      options.note(
        "setpriv of util-linux was not found: if this process is killed, those it started live on",
      );
    // Left by a supervisor that was killed.
    rmSync(join(options.folder, "pids"), { recursive: true, force: true });
    for (const name of ["logs", "pids"]) mkdirSync(join(options.folder, name), { recursive: true });
  }

  /** Restarts a process that exits from now on, a bounded number of times. */
  keepUp(): void {
    this.state = "up";
  }

  /** Starts a process; one that is watched is its watcher's to start again. */
  start(spec: ProcessSpec, watch?: ProcessWatch): void {
    const log = new ProcessLog(join(this.options.folder, "logs", `${spec.name}.log`));
    const env = { ...allocatorSettings, ...process.env };
    // A process group of its own, so that Ctrl-C reaches this supervisor alone and it stops the others in
    // order.
    const { command, args } = this.canEndWithParent ? endWithParent(spec) : spec;
    const child = spawn(command, args, { detached: true, stdio: ["ignore", "pipe", "pipe"], env });
    const pidFile = join(this.options.folder, "pids", spec.name);
    if (child.pid !== undefined) {
      watch?.started(child.pid);
      this.notePid(pidFile, child.pid);
    }
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
      this.forgetPid(pidFile);
      log.close();
      const how = signal ?? `status ${status}`;
      if (watch === undefined) this.afterDeath(spec, how, tail);
      else if (this.state !== "stopping") watch.ended(`ended with ${how}: ${reasonOf(tail)}`);
    });
    this.children.set(spec.name, child);
  }

  /** Stops one process; what does not stop in time is killed. Its watcher is told when it has ended. */
  end(name: string): void {
    const child = this.children.get(name);
    if (child !== undefined) endChild(child);
  }

  /** Stops all, last started first; what does not stop in time is killed. */
  async stop(): Promise<void> {
    this.state = "stopping";
    for (const timer of this.timers) timer.cancel();
    const ends = [...this.children.values()].reverse().map((child) => {
      const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
      endChild(child);
      return ended;
    });
    await Promise.all(ends);
  }

  /** A pid file that can't be written is left out: only operators read it. */
  private notePid(file: string, pid: number): void {
    try {
      writeFileSync(file, `${pid}\n`);
    } catch (error) {
      this.options.note(`${file} could not be written: ${ServiceError.from(error).message}`);
    }
  }

  private forgetPid(file: string): void {
    try {
      rmSync(file, { force: true });
    } catch (error) {
      this.options.note(`${file} could not be removed: ${ServiceError.from(error).message}`);
    }
  }

  private afterDeath(spec: ProcessSpec, how: string, tail: readonly string[]): void {
    if (this.state === "stopping") return;
    if (this.state === "starting") {
      const sentence = `${spec.name} ended with ${how}: ${reasonOf(tail)}`;
      this.options.onLoss(new ServiceError(Code.UNAVAILABLE, sentence));
      return;
    }
    const nowMs = systemClock.nowMs();
    const recent = (this.restarts.get(spec.name) ?? []).filter((atMs) => nowMs - atMs < RESTARTS_WITHIN_MS);
    const [oldest = nowMs] = recent;
    const isResting = recent.length >= RESTARTS_MAX;
    const pauseMs = isResting ? oldest + RESTARTS_WITHIN_MS - nowMs : RESTART_DELAY_MS;
    this.restarts.set(spec.name, [...recent, nowMs + pauseMs]);
    this.options.note(
      isResting
        ? `${spec.name} ended with ${how} after ${recent.length} restarts within ten minutes (${reasonOf(tail)}); it rests for ${Math.ceil(pauseMs / 1_000)} s; everything else stays up`
        : `${spec.name} ended with ${how}; starting it again (${recent.length + 1} of ${RESTARTS_MAX} within ten minutes)`,
    );
    this.timers.add(
      systemClock.setTimer(pauseMs, () => {
        if (this.state === "up") this.start(spec);
      }),
    );
  }
}

function endChild(child: ChildProcess): void {
  child.kill("SIGTERM");
  const timer = systemClock.setTimer(STOP_GRACE_MS, () => child.kill("SIGKILL"));
  child.once("close", () => timer.cancel());
}

/**
 * Returns the message of the last log line, or the last lines as they are when the last is no log line (a
 * crash before the logger).
 */
function reasonOf(tail: readonly string[]): string {
  try {
    const { message } = JSON.parse(tail.at(-1) ?? "") as { message?: unknown };
    if (typeof message === "string") return message;
  } catch {
    // Not a log line.
  }
  return `\n${tail.join("\n")}`;
}
