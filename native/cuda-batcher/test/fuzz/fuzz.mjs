#!/usr/bin/env node
/** Fuzzes what a peer's bytes go through on a native link: `npm run fuzz -w @infaas/cuda-batcher [-- SECONDS|--build-only]`. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { fuzz, sourcesOf } from "../../../libfuzzer.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const source = join(root, "src");
const wire = join(root, "..", "wire", "src");

fuzz({
  target: "fuzz_link",
  build: join(root, "build", "fuzz"),
  layout: [join(root, "lib", "run-journal-layout.ts"), "run_journal_layout.h", "cb"],
  sources: [
    join(here, "fuzz_link.cc"),
    ...["query.cc", "typed_contents.cc", "axis_limits.cc"].map((file) => join(source, "serving", file)),
    ...sourcesOf(join(wire, "frames")),
    ...sourcesOf(join(source, "process")),
    join(source, "sharing", "mapped_file.cc"),
    join(source, "running", "model.cc"),
    join(source, "engines", "element_type.cc"),
  ],
  includes: [source, wire, join(here, "..")],
  limits: ["-rss_limit_mb=512"],
  seconds: 30,
});
