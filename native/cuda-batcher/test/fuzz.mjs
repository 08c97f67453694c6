#!/usr/bin/env node
/**
 * Fuzzes what a peer's bytes go through on a native link, with libFuzzer and the address sanitizer, for as many seconds as
 * the argument says (30). Without libFuzzer it says so and succeeds: ctest runs the same target over changed seeds.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const seconds = process.argv[2] ?? "30";
const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "..", "src");
const wire = join(here, "..", "..", "wire", "src");
const build = join(here, "..", "build", "fuzz");
const corpus = join(build, "corpus");
const program = join(build, "fuzz_link");

function run(command, args, options = {}) {
  const { status } = spawnSync(command, args, { stdio: "inherit", ...options });
  if (status !== 0) process.exit(status ?? 1);
}

const sources = (folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".cc"))
    .map((file) => join(folder, file));

mkdirSync(corpus, { recursive: true });
// clang++ may be there without its runtime library: an empty target tells.
const empty = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }';
const probe = ["-fsanitize=fuzzer,address", "-x", "c++", "-", "-o", join(build, "empty")];
if (spawnSync("clang++", probe, { input: empty, stdio: ["pipe", "ignore", "ignore"] }).status !== 0) {
  process.stdout.write("no libFuzzer (Debian: clang libclang-rt-dev): not fuzzed beyond what ctest does\n");
  process.exit(0);
}
run(process.execPath, [
  join(here, "..", "..", "layout_header.mjs"),
  join(here, "..", "lib", "run-journal-layout.ts"),
  join(build, "layouts", "run_journal_layout.h"),
  "cb",
]);
run("clang++", [
  ...["-std=c++17", "-O1", "-g", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined"],
  ...["-I", source, "-I", wire, "-I", here, "-I", build],
  ...[join(here, "fuzz_main.cc"), join(here, "fuzz_link.cc"), join(source, "serving", "query.cc")],
  ...[
    ...sources(join(wire, "frames")),
    ...sources(join(source, "process")),
    join(source, "serving", "axis_limits.cc"),
    join(source, "running", "model.cc"),
    join(source, "engines", "element_type.cc"),
  ],
  ...["-pthread", "-o", program],
]);
// The seeds are there once it has started; a first run of none writes them.
run(program, ["-runs=0"], { env: { ...process.env, FUZZ_SEEDS: corpus } });
run(program, [
  `-max_total_time=${seconds}`,
  "-max_len=4096",
  "-rss_limit_mb=512",
  "-print_final_stats=1",
  corpus,
]);
