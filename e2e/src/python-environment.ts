import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, renameSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { root } from "./cluster";

const run = promisify(execFile);
const installTimeoutMs = 180_000;

/** Whether this machine has a Python with venv. */
export function hasPython(): boolean {
  return spawnSync("python3", ["-c", "import ensurepip, venv"]).status === 0;
}

/**
 * Installs packages of PyPI (as pip writes requirements) into a virtual environment under .cache, one for each set of them,
 * never changed once it is complete. Resolves with its Python; rejects with pip's output. Safe to run twice at once.
 */
export async function pythonWith(requirements: readonly string[]): Promise<string> {
  const digest = createHash("sha256").update(requirements.join("\n")).digest("hex").slice(0, 12);
  const venv = join(root, ".cache", "python", digest);
  const python = join(venv, "bin", "python");
  if (existsSync(python)) return python;
  await mkdir(dirname(venv), { recursive: true });
  const bounded = { timeout: installTimeoutMs };
  const building = `${venv}.${process.pid}`;
  await run("python3", ["-m", "venv", building], bounded);
  if (requirements.length > 0)
    await run(join(building, "bin", "python"), ["-m", "pip", "install", "--quiet", ...requirements], bounded);
  try {
    renameSync(building, venv);
  } catch (error) {
    rmSync(building, { recursive: true });
    if (!existsSync(python)) throw error;
  }
  return python;
}
