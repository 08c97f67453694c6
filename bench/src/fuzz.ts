import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./system";

/** Mutated calls; one good one comes with every ten. */
const mutated = 1_000_000;

/** The fuzzing of e2e, a million mutated calls long; prints its report. */
export function benchFuzz(): void {
  const program = join(root, "e2e", "dist", "fuzz", "main.js");
  const { status } = spawnSync(process.execPath, [program, String(mutated)], { stdio: "inherit" });
  if (status !== 0) throw new Error("fuzzing found something; see above");
}
