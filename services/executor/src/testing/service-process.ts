import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** A service of this repository in a process of its own, run from its sources. */
export class ServiceProcess {
  private constructor(
    readonly child: ChildProcess,
    readonly address: string,
  ) {}

  /** Starts `services/<service>/src/main.ts`; resolves when it serves. */
  static start(service: string, ...argv: string[]): Promise<ServiceProcess> {
    const hook = join(__dirname, "../../../metadata/src/testing/typescript.cjs");
    const entry = join(__dirname, "../../..", service, "src", "main.ts");
    return ServiceProcess.run(service, ["--require", hook, entry, ...argv], {});
  }

  /** Starts it as it ships, so that it writes nothing but what it writes then; the build comes before. */
  static startBuilt(
    service: string,
    environment: Readonly<Record<string, string>>,
    ...argv: string[]
  ): Promise<ServiceProcess> {
    const entry = join(__dirname, "../../..", service, "dist", "main.js");
    return ServiceProcess.run(service, [entry, ...argv], environment);
  }

  private static async run(
    service: string,
    words: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<ServiceProcess> {
    const options = {
      stdio: ["ignore", "ignore", "pipe"] as ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...environment },
    };
    const child = spawn(process.execPath, words, options);
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stderr })) {
      lines.push(line);
      const address = servedAddress(line);
      if (address === null) continue;
      child.stderr.resume();
      return new ServiceProcess(child, address);
    }
    throw new Error(`${service} ended before it served: ${lines.join("\n")}`);
  }

  /** Sends a signal and waits for the end; returns how long that took. */
  async stop(signal: NodeJS.Signals): Promise<{ tookMs: number; exitCode: number | null }> {
    const startMs = performance.now();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const ended = once(this.child, "exit");
      this.child.kill(signal);
      await ended;
    }
    return { tookMs: performance.now() - startMs, exitCode: this.child.exitCode };
  }
}

/** Where a process says it serves; null for any other line of its log. */
function servedAddress(line: string): string | null {
  if (!line.startsWith("{")) return null;
  const { message, address, port } = JSON.parse(line) as { message: string; address?: string; port?: number };
  if (message !== "serving") return null;
  return address ?? `127.0.0.1:${port}`;
}
