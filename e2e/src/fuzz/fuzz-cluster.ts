import type { Cluster } from "../cluster";
import { validationRow } from "../validation";
import { type FuzzedFace, type FuzzPlan, type FuzzReport, runFuzz } from "./fuzz-run";
import type { FuzzedSystem } from "./fuzzed-system";
import { goodRowsMax } from "./good-calls";
import { type MemoryReport, MemoryTrack } from "./memory-track";

/** Models that a system under attack has: one whose answers are checked, one that may be unloaded. */
export const fuzzedZoo = "digits-mlp-s,digits-logreg";
const task = "digit-classification/uci-digits";
const checked = "digits-mlp-s";
const expendable = "digits-logreg";
const rowCount = 64;
const processes = ["frontend", "executor-1", "metadata"] as const;
const readings = 100;

/** What fuzzing a whole system gave. */
export interface ClusterFuzzReport extends FuzzReport {
  /** Processes that died meanwhile. */
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

/** Sends a plan to one face of a system and follows the memory of its processes. */
export async function fuzzCluster(
  cluster: Cluster,
  face: FuzzedFace,
  plan: FuzzPlan,
): Promise<ClusterFuzzReport> {
  const pids = pidsOf(cluster);
  const tracks = Object.entries(pids).map(([name, pid]) => [name, new MemoryTrack(pid)] as const);
  const every = Math.max(1, Math.floor(plan.count / readings));
  const report = await runFuzz(face, plan, (done) => {
    if (done % every === 0) for (const [, track] of tracks) track.read(done / plan.count);
  });
  const after = pidsOf(cluster);
  return {
    ...report,
    restarted: processes.filter((name) => pids[name] !== after[name]),
    memory: Object.fromEntries(tracks.map(([name, track]) => [name, track.report(plan.count / 1000)])),
  };
}

function pidsOf(cluster: Cluster): Record<string, number> {
  return Object.fromEntries(processes.map((name) => [name, cluster.pidOf(name)]));
}
