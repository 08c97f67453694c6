// Puts an etcd server at .cache/etcd/etcd for the tests of etcd-store: built from its Go module where Go is (about half
// a minute), else Debian's package where we are root. Does nothing where one is there already.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const etcdModule = "go.etcd.io/etcd/server/v3@v3.7.3";
const target = resolve(dirname(fileURLToPath(import.meta.url)), "../../.cache/etcd/etcd");

if (existsSync(target)) {
  console.log(`etcd is there: ${version(target)}`);
} else {
  mkdirSync(dirname(target), { recursive: true });
  if (runs("go", "version")) buildWithGo();
  else if (process.getuid?.() === 0 && runs("apt-get", "--version")) installFromDebian();
  else fail("neither Go nor (as root) apt-get is here; put an etcd binary in PATH or install Go");
  console.log(`etcd is installed: ${version(target)}`);
}

function buildWithGo() {
  const folder = mkdtempSync(join(tmpdir(), "etcd-build-"));
  const go = (...args) =>
    execFileSync("go", args, {
      cwd: folder,
      stdio: "inherit",
      env: { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-p=1" },
    });
  try {
    go("mod", "init", "etcd-build");
    go("get", etcdModule);
    go("build", "-trimpath", "-ldflags=-s -w", "-o", target, etcdModule.split("@")[0]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function installFromDebian() {
  execFileSync("apt-get", ["install", "-y", "--no-install-recommends", "etcd-server"], { stdio: "inherit" });
  copyFileSync("/usr/bin/etcd", target);
}

function version(binary) {
  return execFileSync(binary, ["--version"], { encoding: "utf8" }).split("\n")[0];
}

function runs(command, argument) {
  try {
    execFileSync(command, [argument], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function fail(message) {
  console.error(`etcd cannot be installed: ${message}`);
  process.exit(1);
}
