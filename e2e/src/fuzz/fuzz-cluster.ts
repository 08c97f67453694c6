import { readFileSync } from "node:fs";
import type { Cluster } from "../cluster";
import { validationRow } from "../validation";
import { type FuzzReport, fuzz } from "./fuzz";

const task = "digit-classification/uci-digits";
const rowCount = 64;
const inFlight = 32;
const pageBytes = 4096;
const processes = ["frontend", "executor-1", "metadata"] as const;
/** Memory is measured after so many calls and at the end: by then every pool and table has its size. */
const warmUpShare = 0.2;

/** What fuzzing a whole system gave; memory in bytes by process. */
export interface ClusterFuzzReport extends FuzzReport {
  readonly seconds: number;
  readonly restarted: readonly string[];
  readonly warmBytes: Readonly<Record<string, number>>;
  readonly endBytes: Readonly<Record<string, number>>;
}

/** Fuzzes a system in which one model for digits is registered. */
export async function fuzzCluster(
  cluster: Cluster,
  o: { readonly mutated: number; readonly seed: number },
): Promise<ClusterFuzzReport> {
  const { variants } = await cluster.client.listModels(task);
  const variant = variants[0]?.name ?? "";
  const examples = Array.from({ length: rowCount }, (_, i) => validationRow(task, i));
  const { input } = examples[0]!;
  const plan = {
    address: cluster.address,
    variant,
    input: { name: input.name, shape: input.shape.slice(1) },
    rows: examples.map((example) => example.input.bytes),
    names: ["", task, variant, variants[0]?.architecture ?? "", "no-such", "sha256:../../x", "executor-1"],
    inFlight,
  };
  const pids = pidsOf(cluster);
  const startedMs = performance.now();
  const warm = await fuzz({ ...plan, mutated: Math.ceil(o.mutated * warmUpShare), seed: o.seed });
  const warmBytes = memoryOf(pids);
  const rest = await fuzz({ ...plan, mutated: o.mutated - warm.mutated, seed: o.seed + inFlight });
  const after = pidsOf(cluster);
  const codes: Record<string, number> = { ...warm.codes };
  for (const [code, count] of Object.entries(rest.codes)) codes[code] = (codes[code] ?? 0) + count;
  return {
    mutated: warm.mutated + rest.mutated,
    good: warm.good + rest.good,
    connections: warm.connections + rest.connections,
    codes,
    wrongAnswers: [...warm.wrongAnswers, ...rest.wrongAnswers],
    bugs: [...warm.bugs, ...rest.bugs],
    seconds: (performance.now() - startedMs) / 1000,
    restarted: processes.filter((name) => pids[name] !== after[name]),
    warmBytes,
    endBytes: memoryOf(after),
  };
}

function pidsOf(cluster: Cluster): Record<string, number> {
  return Object.fromEntries(processes.map((name) => [name, cluster.pidOf(name)]));
}

/** Resident memory. */
function memoryOf(pids: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(pids).map(([name, pid]) => {
      const [, residentPages] = readFileSync(`/proc/${pid}/statm`, "utf8").split(" ");
      return [name, Number(residentPages) * pageBytes];
    }),
  );
}
