#!/usr/bin/env node
/** Bundles the console into dist/: one script, one style sheet, one page, nothing from elsewhere. */
import { cpSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const outdir = join(here, "dist");

await build({
  entryPoints: { console: join(here, "src/main.tsx"), style: join(here, "src/style.css") },
  outdir,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "inline",
  logLevel: "warning",
});
cpSync(join(here, "src/index.html"), join(outdir, "index.html"));
