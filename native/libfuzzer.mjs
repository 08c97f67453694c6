/**
 * Compiles one target with libFuzzer, the address and the undefined-behaviour sanitizer, and runs it. Arguments of the
 * script that calls it: the seconds to run, or `--build-only`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const native = dirname(fileURLToPath(import.meta.url));
const [entry, declared] = ["fuzz_main.cc", "fuzz_target.h"].map((file) => join(native, file));

/** Returns the C++ files of a folder. */
export const sourcesOf = (folder) =>
  readdirSync(folder)
    .filter((file) => file.endsWith(".cc"))
    .map((file) => join(folder, file));

/**
 * Fuzzes `target` for as many seconds as the first argument says. Without libFuzzer it says so and succeeds: ctest runs the
 * same target over changed seeds. `sources` define what fuzz_target.h declares. `layout`: a layout in TypeScript, the header
 * made from it, and the header's namespace. It is compiled unless it is younger than all files in `includes`.
 */
export function fuzz({ target, build, layout, sources, includes, options = [], limits, seconds }) {
  const [program, corpus] = [join(build, target), join(build, "corpus")];
  mkdirSync(corpus, { recursive: true });
  if (!hasLibFuzzer(build)) {
    process.stdout.write("no libFuzzer (Debian: clang libclang-rt-dev): not fuzzed beyond what ctest does\n");
    return;
  }
  const [typescript, header, namespace] = layout;
  if (changedMs(program) <= Math.max(...[typescript, entry, declared, ...includes].map(changedMs))) {
    const made = join(build, "layouts", header);
    run(process.execPath, [join(native, "layout_header.mjs"), typescript, made, namespace]);
    run("clang++", [
      ...["-std=c++17", "-O1", "-g1", "-fsanitize=fuzzer,address,undefined"],
      ...[
        "-fno-sanitize-recover=undefined",
        ...[build, native, ...includes].flatMap((folder) => ["-I", folder]),
      ],
      ...[entry, ...sources, ...options, "-pthread", "-o", program],
    ]);
  }
  if (process.argv[2] === "--build-only") return;
  // The seeds are there once it has started; a first run of none writes them.
  run(program, ["-runs=0"], { env: { ...process.env, FUZZ_SEEDS: corpus } });
  const time = `-max_total_time=${process.argv[2] ?? seconds}`;
  run(program, [time, "-max_len=4096", ...limits, "-print_final_stats=1", corpus]);
}

/** When a file, or any below a folder, was written last, ms; 0: it is not there. */
function changedMs(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(...readdirSync(path).map((name) => changedMs(join(path, name))));
}

/** clang++ may be there without its runtime library: an empty target tells. */
function hasLibFuzzer(build) {
  const empty = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }';
  const words = ["-fsanitize=fuzzer,address", "-x", "c++", "-", "-o", join(build, "empty")];
  return spawnSync("clang++", words, { input: empty, stdio: ["pipe", "ignore", "ignore"] }).status === 0;
}

function run(command, args, options = {}) {
  const { status } = spawnSync(command, args, { stdio: "inherit", ...options });
  if (status !== 0) process.exit(status ?? 1);
}
