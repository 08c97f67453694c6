#!/usr/bin/env node
/**
 * Seeds defects into the pipeline of the kernel module, one at a time, in a copy of the sources, and shows that its tests on the
 * host device fail with each: `npm run defects -w @infaas/cuda-batcher`. Exits 1 when a defect passes unseen.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const native = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
const folder = mkdtempSync(join(tmpdir(), "defects-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const copy = join(folder, "native");
const build = join(folder, "build");

const run = "src/engines/kernels/run.cc";
const model = "src/engines/kernels/model.cc";
const device = "src/devices/device.cc";
const line = (text) => `  if (result == kDeviceOk) result = ${text};\n`;
const copied = "table_.recordEvent(copiedIn_.get(), copyingIn_.get())";
const waited = "table_.waitEvent(computing_.get(), copiedIn_.get(), 0)";

/** What is changed where; `from` stands there once. */
const defects = [
  ["compute does not wait for the copy in", run, line(waited), ""],
  [
    "compute waits for the copy of the batch before",
    run,
    line(copied) + line(waited),
    line(waited) + line(copied),
  ],
  [
    "the copy out does not wait for compute",
    run,
    line("table_.waitEvent(copyingOut_.get(), computed_.get(), 0)"),
    "",
  ],
  ["the answer is read before it is there", run, line("table_.syncEvent(copiedOut_.get())"), ""],
  [
    "a row's last element is not copied in",
    run,
    "pinnedIn_.data(), inBytes, copyingIn_",
    "pinnedIn_.data(), inBytes - sizeof(float), copyingIn_",
  ],
  [
    "the last answer is not copied out",
    run,
    "answer, outBytes, copyingOut_",
    "answer, outBytes - sizeof(float), copyingOut_",
  ],
  [
    "a failed launch is not read",
    run,
    "    if (result != kDeviceOk) return result;\n    answer = to;",
    "    (void)result;\n    answer = to;",
  ],
  ["what was queued of a failed batch is not waited for", run, "    settle();\n", ""],
  ["two steps share their memory", run, "i % 2 == 0 ? even_.address() : odd_.address()", "even_.address()"],
  ["an ended run answers", "src/engines/kernels/run.h", "{ ended_ = ended; }", "{ (void)ended; }"],
  [
    "memory does not grow with the batch",
    device,
    "if (bytes <= bytes_) return {};",
    "if (bytes_ > 0) return {};",
  ],
  [
    "every layer has the first one's weights",
    "src/engines/kernels/model.h",
    "constants_.address() + offset * sizeof(float)",
    "constants_.address() + 0 * offset",
  ],
  [
    "weights are copied from memory that is used again",
    model,
    "    if (result == kDeviceOk) result = device_->table().syncStream(stream.get());\n",
    "",
  ],
  ["memory is not given back", device, "    device_->table().free(address_);\n", ""],
];

function command(program, args) {
  return spawnSync(program, args, { encoding: "utf8" });
}

function must(program, args) {
  const { status, stdout, stderr } = command(program, args);
  if (status === 0) return;
  process.stderr.write(`${program} ${args.join(" ")}\n${stdout}${stderr}`);
  process.exit(1);
}

function testsPass() {
  must("cmake", ["--build", build, "--parallel", "2", "--target", "kernels_test"]);
  return command(join(build, "test", "kernels_test"), []).status === 0;
}

cpSync(native, copy, {
  recursive: true,
  filter: (path) => !/\/(build|\.cache|dist|node_modules)$/.test(path),
});
const options = ["-DCB_ADDON=OFF", "-DCB_TESTS=ON", "-DCB_CUDA=OFF", "-DCMAKE_BUILD_TYPE=Debug"];
must("cmake", ["-S", join(copy, "cuda-batcher"), "-B", build, ...options]);
if (!testsPass()) {
  process.stderr.write("the tests fail without a defect\n");
  process.exit(1);
}

let unseen = 0;
for (const [name, file, from, to] of defects) {
  const path = join(copy, "cuda-batcher", file);
  const source = readFileSync(path, "utf8");
  if (source.split(from).length !== 2) {
    process.stderr.write(`${name}: what it changes does not stand once in ${file}\n`);
    process.exit(1);
  }
  writeFileSync(
    path,
    source.replace(from, () => to),
  );
  const seen = !testsPass();
  writeFileSync(path, source);
  if (!seen) unseen += 1;
  process.stdout.write(`${seen ? "seen  " : "UNSEEN"} ${name}\n`);
}
process.stdout.write(`${defects.length} defects, ${unseen} unseen\n`);
process.exit(unseen === 0 ? 0 : 1);
