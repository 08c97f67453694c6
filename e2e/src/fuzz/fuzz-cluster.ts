import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Cluster } from "../cluster";
import { validationRow } from "../validation";
import { type FuzzedFace, type FuzzPlan, type FuzzReport, FuzzRun } from "./fuzz-run";
import type { FuzzedSystem } from "./fuzzed-system";
import { goodRowsMax } from "./good-calls";
import { type MemoryReport, MemoryTrack, settledShares } from "./memory-track";
import { settledEnvironment } from "./settled-memory";

/** Models of a fuzzed system: one whose answers are checked, one that may be unloaded. */
const fuzzedZoo = "digits-mlp-s,digits-logreg";
const task = "digit-classification/uci-digits";
const checked = "digits-mlp-s";
const expendable = "digits-logreg";
const rowCount = 64;
const processes = ["frontend", "executor-1", "metadata"] as const;
const readings = 100;

/** Report of fuzzing a whole system. */
export interface ClusterFuzzReport extends FuzzReport {
  /** Processes that ended meanwhile; of an engine process what the executor logged. */
  readonly restarted: readonly string[];
  readonly memory: Readonly<Record<string, MemoryReport>>;
}

/** Looks up what fuzzing has to know of a system with `fuzzedZoo`. */
export async function fuzzedSystem(cluster: Cluster): Promise<FuzzedSystem> {
  const { variants } = await cluster.client.listModels(task);
  const nameOf = (architecture: string, rows: number) =>
    variants.find((v) => v.architecture === architecture && v.maxBatch >= rows)?.name ?? "";
  const variant = nameOf(checked, goodRowsMax);
  const examples = Array.from({ length: rowCount }, (_, i) => validationRow(task, i));
  const { input } = examples[0]!;
  return {
    address: cluster.address,
    httpAddress: cluster.httpAddress,
    variant,
    input: { name: input.name, shape: input.shape.slice(1) },
    rows: examples.map((example) => example.input.bytes),
    labels: examples.map((example) => example.label),
    names: ["", task, variant, variant, checked, expendable, "no-such", "sha256:../../x", "executor-1"],
    expendable: ["", nameOf(expendable, 1), expendable, "no-such"],
  };
}

/**
 * Starts a system to be fuzzed, with more options of its processes by environment (`INFAAS_INGRESS: "grpc"`), on the state of
 * an earlier one if its folder is given.
 */
export function startFuzzedCluster(
  environment: Readonly<Record<string, string>> = {},
  folder?: string,
): Promise<Cluster> {
  const kept = folder === undefined ? {} : { folder };
  return Cluster.start({ zoo: fuzzedZoo, env: { ...settledEnvironment, ...environment }, ...kept });
}

/** Sends a plan to one face of a system and follows the memory of its processes. */
export async function fuzzCluster(
  cluster: Cluster,
  face: FuzzedFace,
  plan: FuzzPlan,
): Promise<ClusterFuzzReport> {
  const pids = pidsOf(cluster);
  const engineEnds = engineEndsOf(cluster);
  const tracks = processes.map((name) => new MemoryTrack(cluster, name));
  const settle = () => Promise.all(tracks.map((track) => track.settle()));
  const every = Math.max(1, Math.floor(plan.count / readings));
  const run = new FuzzRun(face, plan, (done) => {
    if (done % every === 0) for (const track of tracks) track.read(done / plan.count);
  });
  try {
    await face.learn();
    for (const share of settledShares) {
      await run.advance(Math.ceil(plan.count * share));
      await settle();
    }
  } finally {
    face.close();
  }
  const after = pidsOf(cluster);
  return {
    ...run.report(),
    restarted: [
      ...processes.filter((name) => pids[name] !== after[name]),
      ...engineEndsOf(cluster).slice(engineEnds.length),
    ],
    memory: Object.fromEntries(
      processes.map((name, i) => [name, tracks[i]!.report(plan.count / 1000)] as const),
    ),
  };
}

function pidsOf(cluster: Cluster): Record<string, number> {
  return Object.fromEntries(processes.map((name) => [name, cluster.pidOf(name)]));
}

/** What the executor said of each engine process that ended, as far as its log goes back. */
function engineEndsOf(cluster: Cluster): string[] {
  const log = readFileSync(join(cluster.folder, "logs", "executor-1.log"), "utf8");
  return log.split("\n").filter((line) => line.includes('"engine process ended"'));
}
