import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@infaas/runtime";
import type { BenchScope } from "../bench-scope";
import type { MutantOrder, MutantReport } from "./mutant-messages";

/** Mutants of a round; `--rounds` says how many of them. */
const MUTANTS_OF_A_ROUND = 1_000;
const ROUNDS_DEFAULT = 20;
/** After so many a process is followed by a fresh one: what engines keep of refused files is not what is looked for. */
const MUTANTS_OF_A_PROCESS = 250;
/** Longest profiling of one mutant. */
const MUTANT_MS_MAX = 60_000;
const SEED_DEFAULT = 7;

/**
 * Profiles mutated ONNX files as a registration does, many in one confined process instead of one in each, without the rest of a
 * system; a process that ends is followed by the next. Prints how they ended, and what should not have been: INTERNAL, UNKNOWN, files
 * left behind. Throws where there is any.
 */
export async function benchMutants({ rounds, seed: given }: BenchScope): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "infaas-mutants-"));
  const seed = given ?? SEED_DEFAULT;
  const tally = new Tally(seed);
  const count = (rounds ?? ROUNDS_DEFAULT) * MUTANTS_OF_A_ROUND;
  try {
    for (let from = 0; from < count; ) {
      from = await profileFrom(
        { seed, from, count: Math.min(MUTANTS_OF_A_PROCESS, count - from), folder },
        tally,
      );
      if (from % MUTANTS_OF_A_ROUND < MUTANTS_OF_A_PROCESS) process.stdout.write(`${tally.line(from)}\n`);
    }
    const left = await readdir(folder);
    process.stdout.write(`${tally.line(count)}\n${tally.faults.join("\n")}\n`);
    if (tally.faults.length > 0) throw new Error(`${tally.faults.length} mutants ended as none should`);
    process.stdout.write(`${left.length} folders left by processes that ended\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Endings by how often they came. */
class Tally {
  readonly faults: string[] = [];
  private readonly endings = new Map<string, number>();
  private readonly startedMs = systemClock.nowMs();

  constructor(private readonly seed: number) {}

  add(number: number, ending: string, fault: string | null): void {
    this.endings.set(ending, (this.endings.get(ending) ?? 0) + 1);
    if (fault !== null) this.faults.push(`mutant ${number} of seed ${this.seed}: ${ending} '${fault}'`);
  }

  line(done: number): string {
    const seconds = (systemClock.nowMs() - this.startedMs) / 1_000;
    const shown = [...this.endings]
      .sort(([, a], [, b]) => b - a)
      .map(([ending, times]) => `${ending} ${times}`);
    return `${done} mutants in ${seconds.toFixed(0)} s: ${shown.join(", ")}`;
  }
}

/** Has one process profile; returns the number to go on from. */
async function profileFrom(order: MutantOrder, tally: Tally): Promise<number> {
  const child = fork(join(__dirname, "mutants.main.js"), [], {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  let current = order.from;
  let isUnderWay = true;
  let isLate = false;
  let timer = watch(child, () => {
    isLate = true;
  });
  child.on("message", (report: MutantReport) => {
    timer.cancel();
    isUnderWay = report.kind === "begin";
    current = isUnderWay ? report.number : report.number + 1;
    if (report.kind === "end") tally.add(report.number, report.ending, report.fault);
    else
      timer = watch(child, () => {
        isLate = true;
      });
  });
  child.send(order, () => undefined);
  const [status, signal] = await once(child, "close");
  timer.cancel();
  if (!isUnderWay) return current;
  tally.add(
    current,
    isLate ? `killed after ${MUTANT_MS_MAX} ms` : `process ended with ${signal ?? `status ${status}`}`,
    null,
  );
  return current + 1;
}

function watch(child: ChildProcess, onLate: () => void) {
  return systemClock.setTimer(MUTANT_MS_MAX, () => {
    onLate();
    child.kill("SIGKILL");
  });
}
