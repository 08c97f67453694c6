import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Root of the repository. */
export const root = resolve(__dirname, "..", "..");
/** Folder of generated models and of the built load generator. */
export const cache = join(root, ".cache", "bench");
const defaultPort = 18_001;
/** Port of metadata under `infaas up`, counted from the frontend's. */
const metadataOffset = 100;
const upTimeoutMs = 60_000;

/** A system of real processes on loopback, without models. */
export interface System {
  readonly address: string;
  /** Address of the metadata service. */
  readonly metadata: string;
  pidOf(name: string): number;
  stop(): Promise<void>;
}

/** Starts `infaas up` without the zoo; `more` are further arguments. What it stores is deleted when it stops. */
export function startSystem(...more: readonly string[]): Promise<System> {
  return startSystemAt(defaultPort, more);
}

/** As `startSystem`, for a second one beside it: `port` is that of its frontend, the others are counted from it. */
export async function startSystemAt(port: number, more: readonly string[] = []): Promise<System> {
  const folder = mkdtempSync(join(tmpdir(), "infaas-bench-"));
  const system = await startSystemIn(folder, {}, more, port);
  return {
    ...system,
    async stop() {
      await system.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** As `startSystem`, with its state in `folder`, which stays, and more environment for all its processes. */
export async function startSystemIn(
  folder: string,
  environment: Readonly<Record<string, string>>,
  more: readonly string[],
  port = defaultPort,
): Promise<System> {
  const words = ["up", "--port", String(port), "--data-dir", folder, "--zoo", "none", ...more];
  const child = spawn(process.execPath, [join(root, "cli", "bin", "infaas.js"), ...words], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  await said(child, "Ctrl-C stops everything");
  return {
    address: `127.0.0.1:${port}`,
    metadata: `127.0.0.1:${port + metadataOffset}`,
    pidOf: (name) => Number(readFileSync(join(folder, "pids", name), "utf8")),
    async stop() {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGINT");
      await ended;
    },
  };
}

function said(child: ChildProcess, words: string): Promise<void> {
  return new Promise((done, failed) => {
    let output = "";
    const timer = setTimeout(
      () => failed(new Error(`not up within ${upTimeoutMs} ms:\n${output}`)),
      upTimeoutMs,
    );
    child.once("exit", () => failed(new Error(`ended before it was up:\n${output}`)));
    child.stdout?.on("data", (chunk) => {
      output += chunk;
      if (!output.includes(words)) return;
      clearTimeout(timer);
      done();
    });
  });
}

/** Builds the load generator where it changed; returns its path. Throws when there is no Go. */
export function buildLoadGenerator(): string {
  const program = join(cache, "load");
  mkdirSync(cache, { recursive: true });
  const built = spawnSync("go", ["build", "-o", program, "."], {
    cwd: join(root, "bench", "load"),
    encoding: "utf8",
  });
  if (built.status !== 0)
    throw new Error(`the load generator needs Go 1.26 or newer: ${built.stderr ?? built.error}`);
  return program;
}
