#!/usr/bin/env node
/**
 * Packs the npm package `infaas` of a built checkout: the command line, the three services, the console, the models of zoo/, and
 * the add-ons as they were built here, with the library of ONNX Runtime. `npm run pack` writes it to deploy/npm/build/;
 * with `--check` it is installed into an empty folder and asked, see check.mjs.
 */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { checkPackage } from "./check.mjs";
import { glibcFloor } from "./glibc-floor.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const out = join(root, "deploy", "npm", "build");
const stage = join(out, "infaas");
const platform = `${process.platform}-${process.arch}`;

/** Workspaces that lie in the package as in a checkout, and those that it imports by name. */
const placed = ["cli", "services/metadata", "services/executor", "services/frontend"];
const imported = [
  ...["policy", "api", "onnx", "runtime", "cluster", "adapters", "client"].map((name) => `packages/${name}`),
  "native/wire",
  "native/cuda-batcher",
];
/** Needed to build the add-ons, or carried by the package itself. */
const leftOut = new Set(["node-addon-api", "onnxruntime-node"]);
/** What of zoo/ is served; the rest trains it. */
const zoo =
  /^(manifest\.json|README\.md|(models|examples|digit-classification|language-identification)(\/.*)?)$/;

const manifestOf = (folder) => JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));

/** Versions of other packages as they are installed here, so that what was tested is what is installed. */
function dependencies() {
  const versions = [...placed, ...imported].flatMap((folder) =>
    Object.keys(manifestOf(folder).dependencies ?? {})
      .filter((name) => !name.startsWith("@infaas/") && !leftOut.has(name))
      .map((name) => [name, manifestOf(installed(folder, name)).version]),
  );
  return Object.fromEntries(versions.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Where a workspace finds a package: in its own folder where it needs another version than the others. */
function installed(folder, name) {
  const own = join(folder, "node_modules", name);
  return existsSync(join(root, own)) ? own : join("node_modules", name);
}

/** Copies the compiled code of a workspace: what has a source, without tests and what only they import. */
function copyCode(folder, target) {
  const sources = existsSync(join(root, folder, "src", "index.ts")) ? "src" : "lib";
  cpSync(join(root, folder, "dist"), join(target, "dist"), {
    recursive: true,
    filter(path) {
      if (statSync(path).isDirectory()) return !path.endsWith("/testing");
      if (!path.endsWith(".js") || path.endsWith(".test.js")) return false;
      const source = relative(join(root, folder, "dist"), path).replace(/js$/, "ts");
      return existsSync(join(root, folder, sources, source));
    },
  });
}

/** Copies the add-on of a workspace, and for the batcher the library that it opens when it runs. */
function copyAddOn(folder, file, libraries) {
  const target = join(stage, "node_modules", "@infaas", folder, "prebuilds", platform);
  mkdirSync(target, { recursive: true });
  cpSync(join(root, "native", folder, "build", "Release", file), join(target, file));
  for (const library of libraries) cpSync(library, join(target, basename(library)));
  return readdirSync(target).map((name) => join(target, name));
}

function stagePackage() {
  rmSync(out, { recursive: true, force: true });
  const { name, version, description, license, engines } = manifestOf(".");
  for (const folder of placed) {
    copyCode(folder, join(stage, folder));
    const { name: own, version: its } = manifestOf(folder);
    writeManifest(join(stage, folder), { name: own, version: its, main: "dist/index.js" });
  }
  cpSync(join(root, "cli", "bin"), join(stage, "cli", "bin"), { recursive: true });
  for (const folder of imported) {
    const { name: own, version: its, main = "dist/index.js" } = manifestOf(folder);
    copyCode(folder, join(stage, "node_modules", own));
    writeManifest(join(stage, "node_modules", own), { name: own, version: its, main });
  }
  const { onnxruntimeLibrary } = createRequire(import.meta.url)("../../native/cuda-batcher/dist/native.js");
  const files = [
    ...copyAddOn("wire", "wire.node", []),
    ...copyAddOn("cuda-batcher", "cuda_batcher.node", [onnxruntimeLibrary()]),
  ];
  cpSync(join(root, "console", "dist"), join(stage, "console", "dist"), { recursive: true });
  cpSync(join(root, "zoo"), join(stage, "zoo"), {
    recursive: true,
    filter: (path) => path === join(root, "zoo") || zoo.test(relative(join(root, "zoo"), path)),
  });
  for (const file of ["LICENSE", "NOTICE"]) cpSync(join(root, file), join(stage, file));
  cpSync(join(root, "deploy", "npm", "README.md"), join(stage, "README.md"));
  writeManifest(stage, {
    ...{ name, version, description, license, engines },
    os: [process.platform],
    cpu: [process.arch],
    libc: ["glibc"],
    bin: {
      infaas: "cli/bin/infaas.js",
      ...Object.fromEntries(
        ["metadata", "frontend", "executor"].map((service) => [
          `infaas-${service}`,
          `services/${service}/dist/main.js`,
        ]),
      ),
    },
    dependencies: { ...dependencies(), ...Object.fromEntries(imported.map(named)) },
    bundleDependencies: imported.map((folder) => manifestOf(folder).name),
  });
  return glibcFloor(files);
}

function named(folder) {
  const { name, version } = manifestOf(folder);
  return [name, version];
}

function writeManifest(folder, manifest) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}

const floor = stagePackage();
const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", out], {
  cwd: stage,
  encoding: "utf8",
});
const [{ filename, size, unpackedSize }] = JSON.parse(packed);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
process.stdout.write(
  `${join(out, filename)}: ${megabytes(size)}, ${megabytes(unpackedSize)} unpacked; for ${platform} with ${floor} or newer\n`,
);
if (process.argv.includes("--check")) await checkPackage(join(out, filename));
