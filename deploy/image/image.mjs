#!/usr/bin/env node
/**
 * Builds the image of deploy/Dockerfile with buildah (root, chroot isolation) from the npm package, and asks the README's first
 * query of it: `npm run image [-- --base IMAGE]`. Without --base the image that it starts from is made here, for machines that reach no
 * registry.
 */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeBase } from "./base.mjs";
import { checkImage } from "./check.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const name = "localhost/infaas";

/** Runs buildah with a store that needs no file system of its own; returns what it printed. */
function buildah(...args) {
  return execFileSync("buildah", ["--storage-driver", "vfs", ...args], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    maxBuffer: 2 ** 28,
  });
}

const given = process.argv.indexOf("--base");
const base = given < 0 ? makeBase(join(root, ".cache", "image"), buildah) : process.argv[given + 1];
buildah(
  "bud",
  "--format",
  "docker",
  "--isolation",
  "chroot",
  "--build-arg",
  `NODE=${base}`,
  "--file",
  "deploy/Dockerfile",
  "--tag",
  name,
  ".",
);
const [{ size }] = JSON.parse(buildah("images", "--json", name)).map((image) => ({ size: image.size }));
process.stdout.write(`${name}: ${size}\n`);
const container = buildah("from", name).trim();
try {
  checkImage(buildah("mount", container).trim());
} finally {
  buildah("rm", container);
  rmSync(join(root, ".cache", "image", "data"), { recursive: true, force: true });
}
