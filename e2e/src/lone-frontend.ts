import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, freePorts, root } from "./cluster";
import { settledEnvironment, settledMemoryOf } from "./fuzz/settled-memory";

/** Longest start of one process on a loaded machine. */
const START_MS_MAX = 30_000;
const LOG_FILE = "frontend.log";

/** A frontend process whose metadata is away: it takes connections and answers what needs no model. */
export class LoneFrontend {
  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
    /** host:port of its gRPC server. */
    readonly address: string,
    readonly httpAddress: string,
  ) {}

  /**
   * Resolves once it serves; `env` is what it has beside this process's environment, `descriptors` the most files and sockets
   * it may have, by default as many as this process.
   */
  static async start(
    env: Readonly<Record<string, string>>,
    { descriptors }: { readonly descriptors?: number } = {},
  ): Promise<LoneFrontend> {
    const port = await freePorts();
    const [address, httpAddress] = [`127.0.0.1:${port}`, `127.0.0.1:${port - 1}`];
    const words = [
      join(root, "services", "frontend", "dist", "main.js"),
      ...["--listen", address, "--http-listen", httpAddress],
      ...["--metadata", "127.0.0.1:1", "--log-level", "error"],
    ];
    const folder = mkdtempSync(join(tmpdir(), "infaas-lone-"));
    const log = openSync(join(folder, LOG_FILE), "a");
    const limit = descriptors === undefined ? "" : `ulimit -n ${descriptors}; `;
    const child = spawn("sh", ["-c", `${limit}exec "$0" "$@"`, process.execPath, ...words], {
      env: { ...process.env, ...settledEnvironment, ...env },
      stdio: ["ignore", "ignore", log],
    });
    closeSync(log);
    const frontend = new LoneFrontend(child, folder, address, httpAddress);
    await eventually("the frontend serves", START_MS_MAX, async () => (await frontend.metrics()) !== "");
    return frontend;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Bytes that it has resident and in use: garbage of JavaScript is collected first. */
  async residentBytes(): Promise<number> {
    const { heapBytes, otherBytes } = await settledMemoryOf(this.pid, join(this.folder, LOG_FILE));
    return heapBytes + otherBytes;
  }

  /** What a Prometheus scrapes of it. */
  async metrics(): Promise<string> {
    return await (await fetch(`http://${this.httpAddress}/metrics`)).text();
  }

  async stop(): Promise<void> {
    const ended = once(this.child, "exit");
    this.child.kill("SIGTERM");
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
