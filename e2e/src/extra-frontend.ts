import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Cluster, root } from "./cluster";

const startTimeoutMs = 30_000;

/** Another frontend of a running system, a process of its own on a port of its own, without HTTP. */
export class ExtraFrontend {
  private constructor(
    private readonly child: ChildProcess,
    readonly name: string,
    readonly address: string,
    /** What it logged so far, a line each. */
    readonly log: readonly string[],
  ) {}

  /** Resolves once it listens; rejects with what it logged when it does not. `env` is added to this process's. */
  static start(
    cluster: Cluster,
    name = "frontend-2",
    env: Readonly<Record<string, string>> = {},
  ): Promise<ExtraFrontend> {
    const [host, port] = cluster.address.split(":");
    const metadata = `${host}:${Number(port) + 100}`;
    const words = ["--name", name, "--listen", `${host}:0`, "--http-listen", "none"];
    const entry = join(root, "services", "frontend", "dist", "main.js");
    const child = spawn(process.execPath, [entry, ...words, "--metadata", metadata], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    const log: string[] = [];
    return new Promise((done, failed) => {
      const fail = () => {
        child.kill("SIGKILL");
        failed(new Error(`${name} does not listen:\n${log.join("\n")}`));
      };
      const timer = setTimeout(fail, startTimeoutMs);
      child.once("exit", fail);
      for (const stream of [child.stdout, child.stderr])
        createInterface({ input: stream! }).on("line", (line) => {
          log.push(line);
          const [, address] = /"frontend listens".*"address":"([^"]+)"/.exec(line) ?? [];
          if (address === undefined) return;
          clearTimeout(timer);
          child.off("exit", fail);
          done(new ExtraFrontend(child, name, address, log));
        });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Resolves when it has ended; one that was killed has. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((done) => this.child.once("exit", done));
    this.child.kill("SIGTERM");
    await ended;
  }
}
