import { codeName } from "@infaas/runtime";
import type { Cluster } from "../cluster";
import { residentWithChildrenBytes } from "../resident-memory";
import { percentileMs, type Seen, watchBystanders } from "./bystanders";
import { divide, type End, grow, loop } from "./culprits";

/** Each so many queries to the culprits' models one is poison, of one kind after the other. */
const poisonEvery = 100;
/** A bystander's answer is in time within this. */
const objectiveMs = 1_000;
const settleMs = 20_000;
const mebi = 1024 * 1024;

/**
 * Watches bystanders for some minutes in which one query in a hundred to other models traps its process, runs
 * without end or asks for 3.2 GiB; prints what everybody saw. Resolves with whether no bystander failed.
 */
export async function poisonLoop(cluster: Cluster, minutes: number): Promise<boolean> {
  const quiet = await watchBystanders(cluster, () => passed(settleMs));
  const before = residentWithChildrenBytes(cluster.pid);
  const { seen, result } = await watchBystanders(cluster, () =>
    askCulprits(cluster, performance.now() + minutes * 60_000),
  );
  await passed(settleMs);
  const after = residentWithChildrenBytes(cluster.pid);
  print(seen, quiet.seen);
  for (const [words, times] of [...result].sort())
    process.stdout.write(`${String(times).padStart(6)} × ${words}\n`);
  process.stdout.write(
    `resident memory: ${(before / mebi).toFixed(0)} MiB before, ${(after / mebi).toFixed(0)} MiB after (× ${(after / before).toFixed(3)})\n`,
  );
  return seen.every(({ failed, wrong }) => failed + wrong === 0);
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

function print(seen: readonly Seen[], quiet: readonly Seen[]): void {
  process.stdout.write("bystander     answered  failed  wrong  in 1 s %   p99 ms   quiet  longest ms\n");
  seen.forEach((now, i) => {
    const { kind, answered, failed, wrong, latenciesMs, failures } = now;
    const inTime = latenciesMs.filter((ms) => ms <= objectiveMs).length;
    const figures = [
      ...[kind.padEnd(12), String(answered).padStart(9), String(failed).padStart(7)],
      ...[String(wrong).padStart(6), ((100 * inTime) / (answered + failed)).toFixed(4).padStart(9)],
      ...[percentileMs(now, 0.99), percentileMs(quiet[i] ?? now, 0.99)].map((ms) =>
        ms.toFixed(2).padStart(8),
      ),
      percentileMs(now, 1).toFixed(0).padStart(11),
    ];
    process.stdout.write(`${figures.join(" ")}\n`);
    for (const failure of failures) process.stdout.write(`  ${failure}\n`);
  });
}

function passed(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
