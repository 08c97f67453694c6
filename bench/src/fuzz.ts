import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./system";

/** A million mutated calls, and a good one with every ten. */
const operations = 1_100_000;

/** The fuzzing of e2e, a million mutated calls long; prints its report. */
export function benchFuzz(): void {
  const program = join(root, "e2e", "dist", "fuzz", "main.js");
  const { status } = spawnSync(process.execPath, [program, "native", String(operations)], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error("fuzzing found something; see above");
}
