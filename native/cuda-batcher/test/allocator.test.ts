import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** MiB by which the heap of a fresh process grows while it makes four buffers of 16 MiB; `first` runs before. */
function heapGrowthMiB(first: string, environment: Record<string, string> = {}): number {
  const program = `${first};
const heapBytes = () => {
  const line = require("node:fs").readFileSync("/proc/self/maps", "utf8").split("\\n").find((l) => l.endsWith("[heap]"));
  const [from, to] = (line ?? "0-0").split(" ")[0].split("-").map((hex) => Number.parseInt(hex, 16));
  return to - from;
};
const before = heapBytes();
const kept = Array.from({ length: 4 }, () => Buffer.alloc(16 << 20));
console.log(kept.length === 4 ? (heapBytes() - before) / (1 << 20) : -1);`;
  const env = { ...process.env, ...environment };
  return Number(execFileSync(process.execPath, ["-e", program], { env, encoding: "utf8" }));
}

const addon = join(__dirname, "..", "build", "Release", "cuda_batcher.node");
const load = `require(${JSON.stringify(addon)})`;
const onGlibc =
  process.platform === "linux" &&
  "glibcVersionRuntime" in (process.report.getReport() as { header: object }).header;

(onGlibc ? describe : describe.skip)(`loading the add-on${onGlibc ? "" : " (SKIPPED: needs glibc)"}`, () => {
  it("lets large buffers come from the heap, where freed memory is used again without page faults", () => {
    expect(heapGrowthMiB("")).toBeLessThan(64);
    expect(heapGrowthMiB(load)).toBeGreaterThanOrEqual(64);
  });

  it("leaves alone what the environment says", () => {
    expect(heapGrowthMiB(load, { MALLOC_MMAP_THRESHOLD_: "1048576", MALLOC_TOP_PAD_: "0" })).toBeLessThan(64);
  });
});
