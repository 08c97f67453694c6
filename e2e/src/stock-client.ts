import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "./cluster";
import { pythonWith } from "./python-environment";

const run = promisify(execFile);
const folder = join(root, "e2e", "clients", "python");
const requirements = readFileSync(join(folder, "requirements.txt"), "utf8").trim().split("\n");
const scriptTimeoutMs = 120_000;

/** Installs the stock Triton client into a virtual environment under .cache; rejects with pip's output. */
export async function installStockClient(): Promise<void> {
  await pythonWith(requirements);
}

/** Runs one of the Python clients and returns the JSON it printed; rejects with its traceback. */
export async function runStockClient<T>(script: string, words: readonly string[]): Promise<T> {
  const python = await pythonWith(requirements);
  const { stdout } = await run(python, [join(folder, script), ...words], { timeout: scriptTimeoutMs });
  return JSON.parse(stdout) as T;
}
