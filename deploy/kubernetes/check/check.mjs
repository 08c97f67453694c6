#!/usr/bin/env node
/** Has every overlay made by kustomize (kubectl), and decoded strictly by the types of Kubernetes (Go): `npm run manifests`. */
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const overlays = join(here, "..", "overlays");
const program = join(here, "build", "check");
execFileSync("go", ["build", "-o", program, "."], { cwd: here, stdio: "inherit" });
for (const overlay of readdirSync(overlays).sort()) {
  const made = execFileSync("kubectl", ["kustomize", join(overlays, overlay)], { maxBuffer: 2 ** 26 });
  const { status, stdout } = spawnSync(program, {
    input: made,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "inherit"],
  });
  process.stdout.write(`${overlay}: ${stdout.trim().split("\n").length} objects\n${stdout}`);
  if (status !== 0) process.exitCode = 1;
}
const secrets = execFileSync("sh", [join(here, "..", "secrets.sh")], { stdio: ["ignore", "pipe", "ignore"] });
if (spawnSync(program, { input: secrets, stdio: ["pipe", "inherit", "inherit"] }).status !== 0)
  process.exitCode = 1;
