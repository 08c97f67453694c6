import { Cluster } from "../cluster";
import { fuzzCluster } from "./fuzz-cluster";

/** `node e2e/dist/fuzz/main.js MUTATED [SEED]`: starts a system, fuzzes it, prints the report as JSON. */
async function main(words: readonly string[]): Promise<number> {
  const [mutated, seed] = [Number(words[0]), Number(words[1] ?? 1)];
  if (!Number.isInteger(mutated) || mutated < 1 || !Number.isInteger(seed)) {
    process.stderr.write("usage: main.js MUTATED [SEED], whole numbers\n");
    return 2;
  }
  const cluster = await Cluster.start({ zoo: "digits-mlp-s" });
  try {
    const report = await fuzzCluster(cluster, { mutated, seed });
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    const clean = [report.bugs, report.wrongAnswers, report.restarted].every((list) => list.length === 0);
    return clean ? 0 : 1;
  } finally {
    await cluster.stop();
  }
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  },
);
