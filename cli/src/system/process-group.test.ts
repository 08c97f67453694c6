import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep, systemClock } from "@infaas/runtime";
import { diskFaults, FaultyDisk } from "@infaas/runtime/testing/disk-faults";

/** Faults of a test run; INFAAS_DISK_FAULTS=all tries all. */
const FAULTS_TRIED = 4;
jest.setTimeout(process.env.INFAAS_DISK_FAULTS === "all" ? 600_000 : 120_000);

/** A program that marks its start in a file, then fills its log until it is told to end with status 1. */
const workerOf = (marks: string) => `
  const fs = require("node:fs");
  fs.appendFileSync(${JSON.stringify(marks)}, "started\\n");
  const write = () => process.stdout.write("a line of the log\\n", () => setTimeout(write, 5));
  process.on("SIGUSR2", () => process.exit(1));
  write();`;

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(systemClock, 5);
}

/** What is in a file; nothing when it is not there. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

describe("ProcessGroup", () => {
  let home = "";
  let folder = "";
  let marks = "";
  let supervisor: ChildProcess | null = null;
  const notes: string[] = [];
  const start = (environment: Readonly<Record<string, string>> = {}) => {
    notes.length = 0;
    const hook = join(__dirname, "../../../services/metadata/src/testing/typescript.cjs");
    const started = fork(join(__dirname, "../testing/supervisor.ts"), [folder, workerOf(marks)], {
      execArgv: ["--require", hook],
      env: { ...process.env, ...environment },
    });
    started.on("message", (note) => notes.push(String(note)));
    supervisor = started;
    return started;
  };
  const starts = () => textOf(marks).split("\n").length - 1;
  const endWorker = async () => {
    const before = starts();
    const worker = /\d+/.exec(textOf(join(folder, "pids", "worker")))?.[0];
    if (worker !== undefined) process.kill(Number(worker), "SIGUSR2");
    return before;
  };
  const stop = async () => {
    const ended = once(supervisor!, "exit");
    supervisor?.send("stop");
    expect(await ended).toEqual([0, null]);
    supervisor = null;
  };
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "infaas-group-"));
    [folder, marks] = [join(home, "data"), join(home, "marks")];
  });
  afterEach(async () => {
    if (supervisor !== null) await stop();
    rmSync(home, { recursive: true, force: true });
  });

  it("rests a process that ends again and again, and goes on with the rest", async () => {
    start();
    for (let life = 1; life <= 6; life++) {
      await until(() => starts() === life && textOf(join(folder, "pids", "worker")) !== "");
      await endWorker();
      await until(() => notes.length === life);
    }
    expect(notes.slice(0, 5).every((note) => note.includes("starting it again"))).toBe(true);
    expect(notes[5]).toMatch(/^worker ended with status 1 .*it rests for \d+ s; everything else stays up/s);
  });

  it("lives while its disk fails, keeps its processes up, and logs on after it", async () => {
    const disk = FaultyDisk.for([folder]);
    if (disk === null) return;
    const log = join(folder, "logs", "worker.log");
    start();
    await until(() => textOf(log).includes("\n"));
    await stop();
    // What a life of supervisor and worker writes, without the lines of the log.
    const WRITES = 12;
    for (const fault of diskFaults(WRITES, FAULTS_TRIED)) {
      rmSync(marks, { force: true });
      const running = start(disk.environment);
      await until(() => starts() === 1 && textOf(join(folder, "pids", "worker")) !== "");
      disk.fail(fault);
      await endWorker();
      await until(() => starts() === 2 && disk.failures > 0);
      expect([fault, disk.firstFailure, running.exitCode, running.signalCode]).toEqual([
        fault,
        disk.firstFailure,
        null,
        null,
      ]);
      disk.stop();
      const before = textOf(log).length;
      await until(() => textOf(log).length > before + 100);
      await stop();
    }
    disk.remove();
  });
});
