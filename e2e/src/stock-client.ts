import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "./cluster";

const run = promisify(execFile);
const folder = join(root, "e2e", "clients", "python");
const venv = join(root, ".cache", "tritonclient");
const python = join(venv, "bin", "python");
const installTimeoutMs = 180_000;
const scriptTimeoutMs = 60_000;

/** Whether this machine has a Python that can make an environment of its own. */
export function hasPython(): boolean {
  return spawnSync("python3", ["-c", "import ensurepip, venv"]).status === 0;
}

/** Puts the stock Triton client into a Python of its own under .cache; rejects with what pip said. */
export async function installStockClient(): Promise<void> {
  const bounded = { timeout: installTimeoutMs };
  if (!existsSync(python)) await run("python3", ["-m", "venv", venv], bounded);
  const install = ["-m", "pip", "install", "--quiet", "--requirement", join(folder, "requirements.txt")];
  await run(python, install, bounded);
}

/** Runs one of the Python clients and returns the JSON it printed; rejects with its traceback. */
export async function runStockClient<T>(script: string, words: readonly string[]): Promise<T> {
  const { stdout } = await run(python, [join(folder, script), ...words], { timeout: scriptTimeoutMs });
  return JSON.parse(stdout) as T;
}
