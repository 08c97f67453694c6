import { execFile, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "./cluster";

const run = promisify(execFile);
const version = "2.60.0";
const folder = join(root, ".cache", "perf-analyzer", version);
const program = join(folder, "wheel", "perf_analyzer", "bin", "perf_analyzer");
const libraries = join(folder, "tree", "usr", "lib", "x86_64-linux-gnu");
const loader = join(libraries, "ld-linux-x86-64.so.2");
const installTimeoutMs = 300_000;
const runTimeoutMs = 120_000;
const outputBytesMax = 16 * 1024 * 1024;

/** perf_analyzer opens libcudart at its start, with or without a GPU. */
const cudaRuntime = "nvidia-cuda-runtime-cu12==12.9.79";

/** Libraries of Debian 13 that it is linked against: its wheel needs glibc 2.38, Debian 12 has 2.36. */
const packages = ["libc6", "libstdc++6", "libgcc-s1", "zlib1g", "libssl3t64", "libzstd1"];
const mirror = "http://deb.debian.org/debian";
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Every way of calling a server that perf_analyzer has over gRPC, by name. */
export const perfModes: Readonly<Record<string, readonly string[]>> = {
  sync: [],
  async: ["--async"],
  streaming: ["--async", "--streaming"],
  "shared memory": ["--shared-memory", "system"],
};

/** Returns why perf_analyzer cannot run on this machine; null when it can. */
export function perfAnalyzerMissing(): string | null {
  if (process.platform !== "linux" || process.arch !== "x64") return "its wheel is for Linux on x86-64";
  if (existsSync(program)) return null;
  for (const [tool, ...words] of [
    ["python3", "-m", "pip", "--version"],
    ["apt-get", "--version"],
    ["dpkg-deb", "--version"],
  ] as const) {
    if (spawnSync(tool, words).status !== 0)
      return `${[tool, ...words.slice(0, -1)].join(" ")} was not found`;
  }
  return existsSync(keyring) ? null : `${keyring} was not found`;
}

/** Puts perf_analyzer and its libraries under .cache, once; rejects with the output of pip or apt. */
export async function installPerfAnalyzer(): Promise<void> {
  if (existsSync(program)) return;
  const fresh = `${folder}.${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  await fetchWheel(fresh, `perf-analyzer==${version}`, "manylinux_2_38_x86_64");
  await fetchWheel(fresh, cudaRuntime, "manylinux2014_x86_64");
  await fetchLibraries(fresh);
  const [wheel, tree] = [join(fresh, "wheel"), join(fresh, "tree", "usr", "lib", "x86_64-linux-gnu")];
  chmodSync(join(wheel, "perf_analyzer", "bin", "perf_analyzer"), 0o755);
  copyFileSync(join(wheel, "nvidia", "cuda_runtime", "lib", "libcudart.so.12"), join(tree, "libcudart.so"));
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
}

/** Runs perf_analyzer with its own loader and libraries; resolves with its output. */
export async function perfAnalyzer(words: readonly string[]): Promise<{ status: number; output: string }> {
  const line = ["--library-path", libraries, program, ...words];
  try {
    const { stdout, stderr } = await run(loader, line, { timeout: runTimeoutMs, maxBuffer: outputBytesMax });
    return { status: 0, output: stdout + stderr };
  } catch (fault) {
    const { code, stdout, stderr } = fault as { code?: number; stdout?: string; stderr?: string };
    return { status: code ?? -1, output: `${stdout ?? ""}${stderr ?? ""}` };
  }
}

/** pip takes a wheel for another platform only when told to. */
async function fetchWheel(into: string, what: string, platform: string): Promise<void> {
  const target = ["--only-binary=:all:", "--platform", platform, "--python-version", "3.12"];
  const line = ["-m", "pip", "download", "--quiet", "--no-deps", ...target, "--dest", into, what];
  await run("python3", line, { timeout: installTimeoutMs });
  for (const wheel of readdirSync(into).filter((name) => name.endsWith(".whl"))) {
    await run("python3", ["-m", "zipfile", "--extract", join(into, wheel), join(into, "wheel")]);
    rmSync(join(into, wheel));
  }
}

/** Uses an apt with state and sources of its own, so that the machine's are not changed. */
async function fetchLibraries(into: string): Promise<void> {
  const apt = join(into, "apt");
  for (const part of ["lists/partial", "archives/partial"]) mkdirSync(join(apt, part), { recursive: true });
  const source = join(apt, "trixie.sources");
  writeFileSync(
    source,
    `Types: deb\nURIs: ${mirror}\nSuites: trixie\nComponents: main\nSigned-By: ${keyring}\n`,
  );
  const settings = {
    "Dir::Etc::sourcelist": source,
    "Dir::Etc::sourceparts": "-",
    "Dir::State": apt,
    "Dir::State::status": "/dev/null",
    "Dir::Cache": apt,
    "APT::Sandbox::User": "",
    "Acquire::Languages": "none",
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const bounded = { cwd: apt, timeout: installTimeoutMs };
  await run("apt-get", [...options, "--quiet", "update"], bounded);
  await run("apt-get", [...options, "--quiet", "download", ...packages], bounded);
  for (const name of readdirSync(apt).filter((file) => file.endsWith(".deb")))
    await run("dpkg-deb", ["--extract", join(apt, name), join(into, "tree")], bounded);
  rmSync(apt, { recursive: true });
}
