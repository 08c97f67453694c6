#!/usr/bin/env node
/**
 * Builds a workspace's ctest suite and runs it: `npm run ctest -w @infaas/cuda-batcher [-- address|thread|none]`; with
 * `--build-only` after the sanitizer it is not run.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const sanitizers = ["none", "address", "thread"];
const sanitizer = process.argv[2] ?? "none";
if (!sanitizers.includes(sanitizer)) {
  process.stderr.write(`sanitizer '${sanitizer}' is unknown: one of ${sanitizers.join(", ")}\n`);
  process.exit(1);
}
// npm runs a workspace's scripts in its folder.
const folder = process.cwd();
const build = join(folder, "build", `ctest-${sanitizer}`);
const ninja = spawnSync("ninja", ["--version"], { stdio: "ignore" }).status === 0;
const chosen = sanitizer === "none" ? "" : sanitizer;

function run(command, args) {
  const { status } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

run("cmake", [
  ...["-S", folder, "-B", build, "-DCB_ADDON=OFF", "-DCB_TESTS=ON", "-DCMAKE_MESSAGE_LOG_LEVEL=WARNING"],
  ...[`-DCB_SANITIZER=${chosen}`, `-DWIRE_SANITIZER=${chosen}`, "-DWIRE_ADDON=OFF", "-DWIRE_TESTS=ON"],
  ...["--no-warn-unused-cli", ...(ninja ? ["-G", "Ninja"] : [])],
]);
run("cmake", ["--build", build, "--parallel", "2", ...(ninja ? ["--", "--quiet"] : [])]);
if (process.argv[3] === "--build-only") process.exit(0);
run("ctest", ["--test-dir", build, "--output-on-failure", "--parallel", "2"]);
