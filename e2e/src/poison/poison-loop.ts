import { codeName } from "@infaas/runtime";
import type { Cluster } from "../cluster";
import type { Bystanders } from "./bystanders";
import { divide, type End, grow, loop } from "./culprits";
import { judgePoison, residentByProcess } from "./poison-report";

/** A running system with the culprits' models, and callers of another. */
export interface PoisonScene {
  readonly cluster: Cluster;
  readonly bystanders: Bystanders;
  /** Processes of the cluster. */
  readonly names: readonly string[];
}

/** Each so many queries to the culprits' models one is poison, of one kind after the other. */
const poisonEvery = 100;
const settleMs = 20_000;
const mebi = 1024 * 1024;

/**
 * Watches bystanders for some minutes in which one query in a hundred to other models traps its process, runs
 * without end or asks for 3.2 GiB; prints what everybody saw. Resolves with whether it is what is promised.
 */
export async function poisonLoop(
  { cluster, bystanders, names }: PoisonScene,
  minutes: number,
): Promise<boolean> {
  const settled = async () => {
    await passed(settleMs);
    return residentByProcess(cluster, names);
  };
  const quiet = await bystanders.watch(() => passed(settleMs));
  const before = await settled();
  const { seen, result } = await bystanders.watch(() =>
    askCulprits(cluster, performance.now() + minutes * 60_000),
  );
  const after = await settled();
  for (const [words, times] of [...result].sort())
    process.stdout.write(`${String(times).padStart(6)} × ${words}\n`);
  const { lines, faults } = judgePoison({ quiet: quiet.seen, seen, before, after });
  for (const line of [...lines, ...faults.map((fault) => `not reached: ${fault}`)])
    process.stdout.write(`${line}\n`);
  return faults.length === 0;
}

/** One caller, in turn to each of the models; resolves with how often what ended how. */
async function askCulprits(cluster: Cluster, untilMs: number): Promise<ReadonlyMap<string, number>> {
  const ends = new Map<string, number>();
  const count = (what: string, end: End) => {
    const words = `${what}: ${end === null ? "answered" : wordsOf(end)}`;
    ends.set(words, (ends.get(words) ?? 0) + 1);
  };
  const poisons = [
    async () => count("division that traps", await divide(cluster)),
    async () => count("endless loop", await loop(cluster, 10n ** 12n, 1_500)),
    async () => count("3.2 GiB of output", await grow(cluster, 3_277, mebi / 4)),
  ];
  const good = [
    async () => count("division", await divide(cluster, 42n, 6n)),
    async () => count("loop", await loop(cluster, 10n, 20_000)),
    async () => count("expansion", await grow(cluster, 2, 2)),
  ];
  for (let i = 1; performance.now() < untilMs; i++) {
    const isPoison = i % poisonEvery === 0;
    const [kinds, turn] = isPoison ? [poisons, i / poisonEvery] : [good, i];
    await kinds[turn % kinds.length]?.();
  }
  return ends;
}

/** A refusal without what differs from one to the next. */
function wordsOf({ code, message }: NonNullable<End>): string {
  return `${codeName(code)}, ${message.replace(/[0-9a-f-]{8,}|\d+/g, "…").slice(0, 110)}`;
}

function passed(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
