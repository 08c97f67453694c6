import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInfaasClient, type InfaasClient } from "@infaas/client";

/** Root of the repository. */
export const root = resolve(__dirname, "..", "..");
const cli = join(root, "cli", "bin", "infaas.js");
/** Longest start, in which a loaded CI machine profiles a few models. */
const startTimeoutMs = 240_000;
const stopTimeoutMs = 8_000;

/** What to start; defaults are those of `infaas up`. */
export interface ClusterOptions {
  /** Models of zoo/ by name, or `all` or `none`. */
  readonly zoo: string;
  /** Data folder of an earlier cluster; default: a new one. */
  readonly folder?: string;
  readonly args?: readonly string[];
  /** Environment of all its processes, beside this process's. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A whole system of real processes on loopback, started by `infaas up` as a user starts it. */
export class Cluster {
  private constructor(
    private readonly supervisor: ChildProcess,
    readonly folder: string,
    readonly address: string,
    /** host:port of the HTTP server. */
    readonly httpAddress: string,
    readonly client: InfaasClient,
    /** Output of `infaas up` until it was up. */
    readonly output: string,
  ) {}

  /** Resolves once the system says that it is up; rejects with its output when it does not come up. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), "infaas-e2e-"));
    const port = await freePorts();
    const words = [
      "up",
      "--port",
      String(port),
      "--data-dir",
      folder,
      "--zoo",
      options.zoo,
      ...(options.args ?? []),
    ];
    const env = { ...process.env, ...options.env };
    const supervisor = spawn(process.execPath, [cli, ...words], { stdio: ["ignore", "pipe", "pipe"], env });
    const output = await untilUp(supervisor);
    const address = `127.0.0.1:${port}`;
    const httpAddress = `127.0.0.1:${port - 1}`;
    return new Cluster(supervisor, folder, address, httpAddress, createInfaasClient(address), output);
  }

  /** Process id of `infaas up`, which started all others. */
  get pid(): number {
    return this.supervisor.pid ?? 0;
  }

  /** Process id of `metadata`, `frontend` or `executor-N`. */
  pidOf(name: string): number {
    return Number(readFileSync(join(this.folder, "pids", name), "utf8"));
  }

  /** Ends a process by SIGKILL. */
  kill(name: string): void {
    process.kill(this.pidOf(name), "SIGKILL");
  }

  /** Sends Ctrl-C and resolves with the exit status; keeps the state when `keep` is set. */
  async stop(options: { keep?: boolean } = {}): Promise<number> {
    this.client.close();
    const status = this.supervisor.exitCode ?? (await this.interrupt());
    if (options.keep !== true) rmSync(this.folder, { recursive: true, force: true });
    return status;
  }

  private async interrupt(): Promise<number> {
    const ended = new Promise<number>((done) => this.supervisor.once("exit", (status) => done(status ?? -1)));
    this.supervisor.kill("SIGINT");
    const timer = setTimeout(() => this.supervisor.kill("SIGKILL"), stopTimeoutMs);
    const status = await ended;
    clearTimeout(timer);
    return status;
  }
}

/** Runs one `infaas` command against a cluster, with `env` beside this process's; resolves with what it printed. */
export function infaas(
  cluster: Pick<Cluster, "address"> & { readonly env?: Readonly<Record<string, string>> },
  ...words: string[]
): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    const env = { ...process.env, ...cluster.env, INFAAS_ADDRESS: cluster.address };
    const child = spawn(process.execPath, [cli, ...words], {
      env,
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.on("close", (status) => done({ status: status ?? -1, stdout, stderr }));
  });
}

/** Pause between two looks at what is waited for, milliseconds. */
const LOOK_MS = 50;

/** Polls until `condition` holds; rejects after `withinMs`, naming the condition. */
export async function eventually(
  what: string,
  withinMs: number,
  condition: () => Promise<boolean>,
): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  while (performance.now() < giveUpAt) {
    if (await condition().catch(() => false)) return;
    await new Promise((next) => setTimeout(next, LOOK_MS));
  }
  throw new Error(`not within ${withinMs} ms: ${what}`);
}

/** Reads again and again until the reading was the same for `stillMs`, and resolves with it; rejects after `withinMs`, naming it. */
export async function untilStill<T>(
  what: string,
  { withinMs, stillMs }: { readonly withinMs: number; readonly stillMs: number },
  read: () => Promise<T>,
): Promise<T> {
  let last = await read();
  let looks = 0;
  await eventually(`${what} stands still`, withinMs, async () => {
    const now = await read();
    looks = now === last ? looks + 1 : 0;
    last = now;
    return looks * LOOK_MS >= stillMs;
  });
  return last;
}

function untilUp(supervisor: ChildProcess): Promise<string> {
  return new Promise((done, failed) => {
    let output = "";
    const timer = setTimeout(() => {
      supervisor.kill("SIGKILL");
      failed(new Error(`not up within ${startTimeoutMs} ms:\n${output}`));
    }, startTimeoutMs);
    const read = (chunk: Buffer) => {
      output += chunk.toString();
      if (!output.includes("Ctrl-C stops everything")) return;
      clearTimeout(timer);
      done(output);
    };
    supervisor.stdout?.on("data", read);
    supervisor.stderr?.on("data", read);
    supervisor.once("exit", (status) => {
      clearTimeout(timer);
      failed(new Error(`ended with status ${status} before it was up:\n${output}`));
    });
  });
}

/**
 * Offsets of what `infaas up` listens on: frontend (gRPC, HTTP), metadata, two executors, etcd for clients
 * and peers.
 */
const portOffsets = [0, -1, 100, 200, 201, 202, 300, 301];

/** Base ports lie below 32,768, where Linux begins to take ports for outgoing connections. */
const BASE_PORTS = { from: 10_000, count: 22_000 };

/** A base port that is free with all that follow it. */
export async function freePorts(): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const base = BASE_PORTS.from + Math.floor(Math.random() * BASE_PORTS.count);
    const free = await Promise.all(portOffsets.map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error("no free ports were found in 20 attempts");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}
