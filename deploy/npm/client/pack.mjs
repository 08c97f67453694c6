#!/usr/bin/env node
/**
 * Packs `@infaas/client` of a built checkout: one script for import, one for require, their types, and nothing to install beside it.
 * `npm run pack:client` writes it to deploy/npm/client/build/; with `--check` it is installed into an empty folder, looked at by publint
 * and attw, and asks a running system from both module systems, see check.mjs.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleClient } from "./bundle.mjs";
import { checkClient } from "./check.mjs";

/** What bundles types and judges a package, which need an older TypeScript than the checkout has. */
const TOOLS = [
  "rollup@4.68.8",
  "rollup-plugin-dts@6.5.1",
  "typescript@5.9.3",
  "publint@0.3.25",
  "@arethetypeswrong/cli@0.18.5",
];

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const out = join(root, "deploy", "npm", "client", "build");
const stage = join(out, "client");
const tools = join(root, ".cache", "client-tools");
const manifestOf = (folder) => JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));

/** Licences of what is inside, whole. */
function licences(packages) {
  const texts = packages.map((folder) => {
    const { name, version, license } = manifestOf(folder);
    const file = readdirSync(join(root, folder)).find((each) => /^licen[cs]e/i.test(each));
    const text = file === undefined ? "" : readFileSync(join(root, folder, file), "utf8");
    return `${name} ${version}: ${license}\n\n${text.trim()}\n`;
  });
  return `This package includes:\n\n${texts.join(`\n${"-".repeat(80)}\n\n`)}`;
}

if (!existsSync(join(tools, "node_modules", "@arethetypeswrong"))) {
  mkdirSync(tools, { recursive: true });
  const words = ["install", "--silent", "--no-save", "--no-audit", "--no-fund", "--prefix", tools, ...TOOLS];
  execFileSync("npm", words, { stdio: ["ignore", "ignore", "inherit"] });
}
rmSync(out, { recursive: true, force: true });
mkdirSync(join(stage, "dist"), { recursive: true });
const inside = await bundleClient(root, join(stage, "dist"), tools);
const { license, engines } = manifestOf(".");
const { name, version } = manifestOf("packages/client");
const of = (condition, kind) => ({
  [condition]: { types: `./dist/index.d.${kind}ts`, default: `./dist/index.${kind}js` },
});
const manifest = {
  ...{ name, version, description: "Client of INFaaS: queries by requirement, with a receipt." },
  ...{ license, engines, type: "commonjs", main: "./dist/index.cjs", types: "./dist/index.d.cts" },
  exports: { ".": { ...of("import", "m"), ...of("require", "c") }, "./package.json": "./package.json" },
  files: ["dist", "THIRD-PARTY-LICENSES"],
};
writeFileSync(join(stage, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
writeFileSync(join(stage, "THIRD-PARTY-LICENSES"), licences(inside));
writeFileSync(join(stage, "LICENSE"), readFileSync(join(root, "LICENSE")));
writeFileSync(join(stage, "README.md"), readFileSync(join(root, "deploy", "npm", "client", "README.md")));
const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", out], {
  cwd: stage,
  encoding: "utf8",
});
const [{ filename, size, unpackedSize }] = JSON.parse(packed);
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
process.stdout.write(
  `${join(out, filename)}: ${megabytes(size)}, ${megabytes(unpackedSize)} unpacked, with nothing beside it\n`,
);
if (process.argv.includes("--check")) await checkClient({ tarball: join(out, filename), root, tools });
