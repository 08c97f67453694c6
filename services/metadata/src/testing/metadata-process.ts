import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Characters kept of what it says. */
const SAID_MAX = 2_000;

/** A metadata service in a process of its own, run from its sources. */
export class MetadataProcess {
  /** End of what it has said since it serves. */
  private said = "";

  private constructor(
    readonly child: ChildProcess,
    readonly address: string,
  ) {}

  /** Resolves when it serves; rejects with its last words when it ends before. */
  static async start(
    argv: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<MetadataProcess> {
    const words = ["--require", join(__dirname, "typescript.cjs"), join(__dirname, "../main.ts")];
    const child = spawn(process.execPath, [...words, "--listen", "127.0.0.1:0", ...argv], {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...environment },
    });
    let last = "";
    for await (const line of createInterface({ input: child.stderr! })) {
      last = line;
      if (!line.startsWith("{")) continue;
      const { message, port } = JSON.parse(line) as { message: string; port?: number };
      if (message !== "serving") continue;
      const started = new MetadataProcess(child, `127.0.0.1:${port}`);
      child.stderr!.on("data", (chunk: Buffer) => {
        started.said = (started.said + chunk.toString()).slice(-SAID_MAX);
      });
      child.stderr!.resume();
      return started;
    }
    throw new Error(`metadata ended before it served, ${child.signalCode ?? child.exitCode}: ${last}`);
  }

  /** How it ended, with its last words; null while it runs. */
  get ending(): string | null {
    const { exitCode, signalCode } = this.child;
    return exitCode === null && signalCode === null ? null : `${signalCode ?? exitCode}: ${this.said}`;
  }

  /** Sends a signal; resolves with exit status and signal once it has ended. */
  async end(signal: NodeJS.Signals): Promise<unknown[]> {
    const ended = once(this.child, "exit");
    this.child.kill(signal);
    return await ended;
  }
}
