import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "./cluster";

const run = promisify(execFile);
const folder = join(root, "e2e", "clients", "python");
const requirements = join(folder, "requirements.txt");
/**
 * Folder of a virtual environment: one for each version of the requirements, never changed once it is
 * complete.
 */
const digest = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
const venv = join(root, ".cache", `tritonclient-${digest}`);
const python = join(venv, "bin", "python");
const installTimeoutMs = 180_000;
const scriptTimeoutMs = 120_000;

/** Whether this machine has a Python with venv. */
export function hasPython(): boolean {
  return spawnSync("python3", ["-c", "import ensurepip, venv"]).status === 0;
}

/**
 * Installs the stock Triton client into a virtual environment under .cache; rejects with pip's output. Safe
 * to run twice at once.
 */
export async function installStockClient(): Promise<void> {
  if (existsSync(python)) return;
  const bounded = { timeout: installTimeoutMs };
  const building = `${venv}.${process.pid}`;
  await run("python3", ["-m", "venv", building], bounded);
  const install = ["-m", "pip", "install", "--quiet", "--requirement", requirements];
  await run(join(building, "bin", "python"), install, bounded);
  try {
    renameSync(building, venv);
  } catch (error) {
    rmSync(building, { recursive: true });
    if (!existsSync(python)) throw error;
  }
}

/** Runs one of the Python clients and returns the JSON it printed; rejects with its traceback. */
export async function runStockClient<T>(script: string, words: readonly string[]): Promise<T> {
  const { stdout } = await run(python, [join(folder, script), ...words], { timeout: scriptTimeoutMs });
  return JSON.parse(stdout) as T;
}
