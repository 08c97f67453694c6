/** Looks for messages that keep a frontend's only thread busy; ends with 1 if one does for longer than it may. */
import { seededRandom } from "@infaas/runtime";
import { LoneFrontend } from "../lone-frontend";
import { COST_MS, searchTarget } from "./search-target";
import { costTargets } from "./targets";

const SHOWN_BYTES = 60;

/** `main.js [SECONDS [SEED]]`: seconds for each way in. */
async function main(words: readonly string[]): Promise<number> {
  const [seconds, seed] = [Number(words[0] ?? 10), Number(words[1] ?? 1)];
  const frontend = await LoneFrontend.start({ INFAAS_INGRESS: "native" });
  const { targets, close } = costTargets(frontend);
  try {
    let good = true;
    for (const target of targets) {
      const o = { pid: frontend.pid, seconds, random: seededRandom(seed) };
      const { worst, tried, answer } = await searchTarget(target, o);
      const shown = worst.bytes.subarray(0, SHOWN_BYTES);
      process.stdout.write(
        `${target.name}: ${tried} tried, at most ${worst.costMs.toFixed(1)} ms for ${worst.bytes.length} bytes; ${answer.slice(0, 100)}\n` +
          `  ${shown.toString("hex")} ${JSON.stringify(shown.toString("latin1"))}\n`,
      );
      good &&= worst.costMs <= COST_MS;
    }
    return good ? 0 : 1;
  } finally {
    close();
    await frontend.stop();
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
