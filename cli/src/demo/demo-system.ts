import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ServiceError, systemClock } from "@infaas/runtime";

export interface DemoSystemOptions {
  /** Folder of the clone. */
  readonly root: string;
  readonly port: number;
  /** Null: a folder of its own, removed in the end. */
  readonly dataFolder: string | null;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  note(line: string): void;
}

/** A system that is up. */
export interface DemoSystem {
  stop(): Promise<void>;
}

/** Longest start: a slow host profiles the model first. */
const UP_TIMEOUT_MS = 300_000;
/** What `infaas up` says last when it is up. */
const UP_WORDS = "Ctrl-C stops everything";

/** Starts `infaas up` as a user would, and waits until it is up; UNAVAILABLE with what it said when it does not come up. */
export async function startDemoSystem(o: DemoSystemOptions): Promise<DemoSystem> {
  const folder = o.dataFolder ?? mkdtempSync(join(tmpdir(), "infaas-demo-"));
  const words = ["up", "--port", String(o.port), "--data-dir", folder, ...o.args];
  const child = spawn(process.execPath, [join(o.root, "cli", "bin", "infaas.js"), ...words], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...o.env },
    // So that Ctrl-C reaches the demo alone, which stops it in order.
    detached: true,
  });
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  const stop = async () => {
    child.kill("SIGINT");
    await ended;
    if (o.dataFolder === null) rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilUp(child, o.note);
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop };
}

function untilUp(child: ChildProcess, note: (line: string) => void): Promise<void> {
  return new Promise((done, failed) => {
    let [output, told] = ["", ""];
    const give = (what: string) => failed(new ServiceError(Code.UNAVAILABLE, `${what}:\n${output}`));
    const timer = systemClock.setTimer(UP_TIMEOUT_MS, () => give(`not up within ${UP_TIMEOUT_MS} ms`));
    child.once("exit", (status) => {
      timer.cancel();
      give(`infaas up ended with status ${status}`);
    });
    child.stderr?.on("data", (chunk) => {
      told += chunk;
      const lines = told.split("\n");
      told = lines.pop() ?? "";
      for (const line of lines) note(line);
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk) => {
        output += chunk;
        if (!output.includes(UP_WORDS)) return;
        timer.cancel();
        done();
      });
    }
  });
}
