import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cluster } from "../cluster";
import { bystanderModel } from "./bystander";
import { Bystanders, bystanderFile } from "./bystanders";
import { registerCulprits } from "./culprits";
import { operatorModels } from "./hostile-operators";
import { type OperatorPlan, type OperatorReport, runOperators } from "./operator-run";
import { type PoisonScene, poisonLoop } from "./poison-loop";

/** Operators that are asked side by side: as many as keep two cores busy while some wait for a registration's processes. */
const operatorsAtOnce = 4;
/** Bystanders' pause beside operators: without one they take most of the time of two cores. */
const operatorPauseMs = 100;
const usage = `usage: main.js loop MINUTES
       main.js operators REQUESTS [SEED [FROM [AT_ONCE]]]
  loop       one query in a hundred ends, hangs or fills its engine process; what bystanders see of it
  operators  so many hostile requests to each of ${operatorModels.length} operators, and who else notices;
             from the operator with number FROM on (default 0), AT_ONCE side by side (default ${operatorsAtOnce})
`;
const names = ["metadata", "frontend", "executor-1", "executor-2"];

interface Scene extends PoisonScene {
  readonly folder: string;
}

type Run = (scene: Scene) => Promise<boolean>;

/** Resolves with the exit status: 0 where nobody but a culprit was hurt. */
async function main(words: readonly string[]): Promise<number> {
  const [mode, count, seed = 1, from = 0, atOnce = operatorsAtOnce] = words;
  const run: Run | undefined = {
    loop: (scene: Scene) => poisonLoop(scene, Number(count)),
    operators: (scene: Scene) =>
      operators(scene, {
        models: operatorModels.slice(Number(from)),
        requests: Number(count),
        seed: Number(seed),
        atOnce: Number(atOnce),
        onReport: print,
      }),
  }[mode ?? ""];
  if (run === undefined || !(Number(count) > 0)) {
    process.stderr.write(usage);
    return 2;
  }
  const cluster = await Cluster.start({ zoo: "none", args: ["--executors", "2"] });
  const folder = await mkdtemp(join(tmpdir(), "poison-"));
  const bystanders = new Bystanders(cluster, mode === "operators" ? operatorPauseMs : 0);
  try {
    const path = join(folder, `${bystanderModel}.onnx`);
    await writeFile(path, bystanderFile);
    await cluster.client.register({ path, name: bystanderModel });
    await registerCulprits(cluster, folder);
    const pids = names.map((name) => cluster.pidOf(name));
    const isUnhurt = await run({ cluster, folder, bystanders, names });
    const ended = names.filter((name, i) => cluster.pidOf(name) !== pids[i]);
    process.stdout.write(`processes that ended: ${ended.join(", ") || "none"}\n`);
    return isUnhurt && ended.length === 0 ? 0 : 1;
  } finally {
    bystanders.close();
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function operators({ cluster, folder, bystanders }: Scene, plan: OperatorPlan) {
  const { seen } = await bystanders.watch(() => runOperators(cluster, folder, plan));
  for (const { kind, answered, failed, wrong, failures } of seen)
    process.stdout.write(
      `${kind}: ${answered} answered, ${failed} failed, ${wrong} wrong ${failures.join("; ")}\n`,
    );
  return seen.every(({ failed, wrong }) => failed + wrong === 0);
}

function print({ name, refused, ends, signals }: OperatorReport): void {
  const counts = Object.entries(ends).map(([end, times]) => `${end} ${times}`);
  process.stdout.write(`${name.padEnd(32)} ${refused ?? [...counts, ...signals].join("  ")}\n`);
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  },
);
