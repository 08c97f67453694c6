/** Looks for messages that keep a frontend's only thread busy; ends with 1 if one does for longer than it may. */
import { seededRandom } from "@infaas/runtime";
import { Cluster } from "../cluster";
import { CostSearch } from "./cost-search";
import { type CostTarget, costTargets } from "./targets";
import { firstThreadMs } from "./thread-time";

/** What one message may cost of a thread that everybody shares. */
const COST_MAX_MS = 50;
/** What seems to cost too much is sent so often again; the least of it counts, since other work only adds. */
const CONFIRMATIONS = 4;
const SHOWN_BYTES = 60;

async function costOf(target: CostTarget, pid: number, bytes: Buffer) {
  const before = firstThreadMs(pid);
  const answer = await target.send(bytes);
  return { costMs: firstThreadMs(pid) - before, answer };
}

async function search(target: CostTarget, pid: number, seconds: number, seed: number): Promise<boolean> {
  const found = new CostSearch(target.seeds, target.bytesMax, seededRandom(seed));
  const endMs = performance.now() + seconds * 1_000;
  let tried = 0;
  for (; performance.now() < endMs || tried <= target.seeds.length; tried++) {
    const bytes = found.propose();
    let { costMs } = await costOf(target, pid, bytes);
    if (costMs > (found.worst?.costMs ?? 0))
      for (let i = 0; i < CONFIRMATIONS; i++)
        costMs = Math.min(costMs, (await costOf(target, pid, bytes)).costMs);
    found.tell(bytes, costMs);
  }
  const { worst } = found;
  if (worst === null) return true;
  const { answer } = await costOf(target, pid, worst.bytes);
  const shown = worst.bytes.subarray(0, SHOWN_BYTES);
  process.stdout.write(
    `${target.name}: ${tried} tried, at most ${worst.costMs.toFixed(1)} ms for ${worst.bytes.length} bytes; ${answer.slice(0, 100)}\n` +
      `  ${shown.toString("hex")} ${JSON.stringify(shown.toString("latin1"))}\n`,
  );
  return worst.costMs <= COST_MAX_MS;
}

/** `main.js [SECONDS [SEED]]`: seconds for each way in. */
async function main(words: readonly string[]): Promise<number> {
  const [seconds, seed] = [Number(words[0] ?? 10), Number(words[1] ?? 1)];
  const cluster = await Cluster.start({ zoo: "none", env: { INFAAS_INGRESS: "native" } });
  const { targets, close } = costTargets(cluster);
  try {
    let good = true;
    for (const target of targets)
      good = (await search(target, cluster.pidOf("frontend"), seconds, seed)) && good;
    return good ? 0 : 1;
  } finally {
    close();
    await cluster.stop();
  }
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (fault) => {
    process.stderr.write(`${fault instanceof Error ? fault.stack : String(fault)}\n`);
    process.exitCode = 2;
  },
);
