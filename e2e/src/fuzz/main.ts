import { Cluster } from "../cluster";
import { fuzzCluster, fuzzedSystem, fuzzedZoo } from "./fuzz-cluster";
import { GrpcFace } from "./grpc-face";

const usage =
  "usage: main.js COUNT [SEED [FROM]], whole numbers: operations, their seed, number of the first\n";
const inFlight = 64;
const connections = 8;

/** `node e2e/dist/fuzz/main.js COUNT [SEED [FROM]]`: starts a system, fuzzes it, prints the report as JSON. */
async function main(words: readonly string[]): Promise<number> {
  const [count, seed, from] = [Number(words[0]), Number(words[1] ?? 1), Number(words[2] ?? 0)];
  if (![count, seed, from].every(Number.isInteger) || count < 1) {
    process.stderr.write(usage);
    return 2;
  }
  const cluster = await Cluster.start({ zoo: fuzzedZoo });
  try {
    const face = new GrpcFace(await fuzzedSystem(cluster), connections);
    const report = await fuzzCluster(cluster, face, { count, seed, from, inFlight });
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    return report.faults.length + report.restarted.length === 0 ? 0 : 1;
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
