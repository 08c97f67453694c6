import {
  buildCatalog,
  buildSnapshot,
  costPerQueryUsd,
  costPerThousandUsd,
  type Decision,
  type Executor,
  type Instance,
  predictBatchMs,
  type Query,
  type Snapshot,
  selectVariant,
  type Variant,
} from "@infaas/policy";
import { type Clock, type Random, seededRandom, systemClock } from "@infaas/runtime";

/**
 * The paper's space: 21 architectures of 192 variants (INFaaS, ATC '21, section 6) and its hundred workers.
 */
const ARCHITECTURES = 21;
const TASKS = 3;
const PRECISIONS = ["fp32", "fp16", "int8"] as const;
const BATCHES = [1, 2, 4, 8, 16, 32, 64, 128];
const THREADS = [1, 2, 4, 8, 16, 24, 32, 48];
const EXECUTORS = 100;
const INSTANCES_PER_EXECUTOR = 12;
const WARM_UP = 50_000;
const DECISIONS = 300_000;
const SCANS = 3000;
const SEED = 20_261_124;

/** Figures of one run, times in microseconds. */
export interface SelectionReport {
  readonly variants: number;
  readonly executors: number;
  readonly instances: number;
  readonly decisions: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  /** The same decisions by a scan over every variant and instance of the cluster. */
  readonly scanP50Us: number;
  readonly scanP99Us: number;
  readonly speedup: number;
  /** Decisions in which the scan chose another variant; not 0 is a bug in one of them. */
  readonly disagreements: number;
}

/** Times selectVariant at the paper's size under moving load, beside a full scan on the same queries. */
export function benchSelection(
  clock: Clock = systemClock,
  random: Random = seededRandom(SEED),
): SelectionReport {
  const variants = makeVariants(random);
  const executors = Array.from({ length: EXECUTORS }, (_, i) => makeExecutor(i, random));
  const instances = makeInstances(variants, executors, random);
  const catalog = buildCatalog({ variants });
  const snapshot = buildSnapshot({ revision: 1, atMs: 0, catalog, instances, executors });
  const queries = Array.from({ length: 4096 }, () => makeQuery(variants, random));
  const timesUs = new Float64Array(DECISIONS);
  const outcomes: Record<string, number> = {};
  for (let i = -WARM_UP; i < DECISIONS; i++) {
    shiftLoad(instances, random);
    const query = pick(queries, random);
    const startMs = clock.nowMs();
    const decision = selectVariant(snapshot, query, 0);
    const tookUs = (clock.nowMs() - startMs) * 1000;
    if (i < 0) continue;
    timesUs[i] = tookUs;
    outcomes[decision.kind] = (outcomes[decision.kind] ?? 0) + 1;
  }
  const scan = timeScan({ snapshot, variants, instances, queries, clock, random });
  timesUs.sort();
  const p50Us = quantile(timesUs, 0.5);
  return {
    variants: variants.length,
    executors: executors.length,
    instances: instances.length,
    decisions: DECISIONS,
    outcomes,
    p50Us,
    p99Us: quantile(timesUs, 0.99),
    p999Us: quantile(timesUs, 0.999),
    ...scan,
    speedup: scan.scanP50Us / p50Us,
  };
}

interface ScanRun {
  readonly snapshot: Snapshot;
  readonly variants: readonly Variant[];
  readonly instances: readonly MovingInstance[];
  readonly queries: readonly Query[];
  readonly clock: Clock;
  readonly random: Random;
}

function timeScan(run: ScanRun): Pick<SelectionReport, "scanP50Us" | "scanP99Us" | "disagreements"> {
  const timesUs = new Float64Array(SCANS);
  let disagreements = 0;
  for (let i = 0; i < SCANS; i++) {
    shiftLoad(run.instances, run.random);
    const query = pick(run.queries, run.random);
    const startMs = run.clock.nowMs();
    const scanned = scanAll(run, query);
    timesUs[i] = (run.clock.nowMs() - startMs) * 1000;
    if (scanned && !agrees(scanned, selectVariant(run.snapshot, query, 0), query)) disagreements++;
  }
  timesUs.sort();
  return { scanP50Us: quantile(timesUs, 0.5), scanP99Us: quantile(timesUs, 0.99), disagreements };
}

interface Scanned {
  readonly key: number;
}

/**
 * Step 3 of the policy (docs/design/policy.md) without an index: the best objective key among active
 * instances in time.
 */
function scanAll(run: ScanRun, query: Query): Scanned | null {
  const byVariant = new Map(run.variants.filter((v) => isCandidate(v, query)).map((v) => [v.name, v]));
  const byName = new Map(run.snapshot.executors.map((e) => [e.name, e]));
  let best: Scanned | null = null;
  for (const instance of run.instances) {
    const variant = byVariant.get(instance.variant);
    const executor = byName.get(instance.executor);
    if (!variant || !executor?.accepting || instance.state !== "active") continue;
    const itemUsd = costPerQueryUsd(variant, executor);
    const { latencyMs, maxCostUsd, objective } = query.slo;
    const predictedMs =
      instance.drainMs + (predictBatchMs(variant.profile, query.rows, "p95") + instance.hopMs);
    if (latencyMs !== null && predictedMs > latencyMs) continue;
    if (maxCostUsd !== null && costPerThousandUsd(itemUsd, query.rows) > maxCostUsd) continue;
    const key = objective === "min-cost" ? itemUsd : -(variant.accuracy?.value ?? 0);
    if (!best || key < best.key) best = { key };
  }
  return best;
}

function isCandidate(variant: Variant, query: Query): boolean {
  const { target, slo, rows } = query;
  const named = target.kind === "variant" ? variant.name : variant[target.kind];
  return (
    named === target.name &&
    rows <= variant.maxBatch &&
    (variant.accuracy?.value ?? 0) >= (slo.minAccuracy ?? 0)
  );
}

/**
 * Whether both have the same objective key; without downgrades the decision may be more accurate than asked.
 */
function agrees(scanned: Scanned, decision: Decision, query: Query): boolean {
  if (decision.kind !== "selected") return false;
  const { objective } = query.slo;
  const key =
    objective === "min-cost"
      ? costPerQueryUsd(decision.variant, decision.executor)
      : -(decision.variant.accuracy?.value ?? 0);
  return key === scanned.key;
}

interface MovingInstance extends Instance {
  drainMs: number;
  state: Instance["state"];
}

/** Applies a few load reports, as between two decisions: 10 % of instances are overloaded or interfered. */
function shiftLoad(instances: readonly MovingInstance[], random: Random): void {
  for (let i = 0; i < 4; i++) {
    const instance = pick(instances, random);
    const draw = random.next();
    instance.state = draw < 0.9 ? "active" : draw < 0.95 ? "overloaded" : "interfered";
    instance.drainMs = random.next() < 0.3 ? 0 : -Math.log(1 - random.next()) * 15;
  }
}

function makeVariants(random: Random): readonly Variant[] {
  return Array.from({ length: ARCHITECTURES }, (_, architecture) => {
    const rank = architecture / (ARCHITECTURES - 1);
    const oneCoreMs = 4 * 60 ** rank * (0.8 + 0.4 * random.next());
    return PRECISIONS.flatMap((precision, p) =>
      BATCHES.flatMap((maxBatch) =>
        THREADS.map((threads) =>
          makeVariant({
            architecture,
            precision,
            maxBatch,
            threads,
            oneCoreMs,
            accuracy: 0.6 + 0.35 * rank - p * 0.004,
          }),
        ),
      ),
    );
  }).flat();
}

interface Shape {
  readonly architecture: number;
  readonly precision: Variant["precision"];
  readonly maxBatch: number;
  readonly threads: number;
  readonly oneCoreMs: number;
  readonly accuracy: number;
}

function makeVariant({ architecture, precision, maxBatch, threads, oneCoreMs, accuracy }: Shape): Variant {
  const gain = precision === "fp32" ? 1 : precision === "fp16" ? 1.3 : 2;
  const betaMs = oneCoreMs / gain / threads ** 0.8;
  const alphaMs = betaMs * 0.3;
  const points = BATCHES.filter((b) => b <= maxBatch).map((batch) => {
    const ms = alphaMs + betaMs * batch;
    return { batch, p50Ms: ms, p95Ms: ms * 1.1, p99Ms: ms * 1.25 };
  });
  const name = `arch-${architecture}`;
  return {
    name: `${name}-${precision}-t${threads}-b${maxBatch}`,
    architecture: name,
    task: `task-${architecture % TASKS}/set`,
    version: 1,
    engine: "onnxruntime",
    deviceKind: "cpu",
    precision,
    threads,
    concurrency: 1,
    maxBatch,
    accuracy: { value: accuracy, metric: "accuracy", dataset: "set", sampleCount: 1000, origin: "measured" },
    profile: {
      points,
      fit: { alphaMs, betaMs, worstResidualMs: 0 },
      loadMs: 300 + oneCoreMs * 10,
      peakMemoryBytes: 1e8 + oneCoreMs * 1e6 + maxBatch * 1e6,
      saturationPerSecond: (1000 * maxBatch) / (alphaMs + betaMs * maxBatch),
      hostType: "bench",
    },
  };
}

function makeExecutor(index: number, random: Random): Executor {
  const cores = pick([16, 32, 48], random);
  return {
    name: `executor-${String(index).padStart(3, "0")}`,
    hostType: `bench-${cores}`,
    deviceKinds: ["cpu"],
    cores,
    memoryBytes: cores * 4e9,
    memoryFreeBytes: cores * 2e9,
    utilisation: random.next(),
    pricePerHourUsd: cores * 0.048,
    accepting: true,
  };
}

/** A third of the loaded variants is popular and has most of the instances. */
function makeInstances(
  variants: readonly Variant[],
  executors: readonly Executor[],
  random: Random,
): readonly MovingInstance[] {
  const seen = new Set<string>();
  const instances: MovingInstance[] = [];
  for (const executor of executors) {
    for (let i = 0; i < INSTANCES_PER_EXECUTOR; i++) {
      const variant = variants[Math.floor(random.next() ** 3 * variants.length * 0.999)];
      if (!variant || seen.has(`${variant.name}@${executor.name}`)) continue;
      seen.add(`${variant.name}@${executor.name}`);
      const hopMs = 0.2 + 0.3 * random.next();
      instances.push({ variant: variant.name, executor: executor.name, state: "active", drainMs: 0, hopMs });
    }
  }
  return instances;
}

function makeQuery(variants: readonly Variant[], random: Random): Query {
  const variant = pick(variants, random);
  const draw = random.next();
  const target =
    draw < 0.6
      ? ({ kind: "task", name: variant.task } as const)
      : draw < 0.9
        ? ({ kind: "architecture", name: variant.architecture } as const)
        : ({ kind: "variant", name: variant.name } as const);
  return {
    target,
    rows: random.next() < 0.8 ? 1 : 1 + Math.floor(random.next() * 8),
    slo: {
      latencyMs: random.next() < 0.8 ? 5 * 40 ** random.next() : null,
      minAccuracy: random.next() < 0.6 && target.kind !== "variant" ? 0.6 + 0.34 * random.next() : null,
      maxCostUsd: random.next() < 0.2 ? 0.0001 * 300 ** random.next() : null,
      objective: random.next() < 0.75 ? "min-cost" : "max-accuracy",
      noDowngrade: false,
      deterministic: false,
    },
  };
}

function pick<T>(values: readonly T[], random: Random): T {
  const value = values[Math.floor(random.next() * values.length)];
  if (value === undefined) throw new Error("nothing to pick from: this is a bug");
  return value;
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** Returns the report in two sentences, the goals beside the figures. */
export function describeSelection(r: SelectionReport): string {
  const us = (value: number) => `${value.toFixed(2)} µs`;
  return [
    `selectVariant, ${r.variants} variants x ${r.executors} executors, ${r.instances} instances:`,
    `p50 ${us(r.p50Us)} (goal 10), p99 ${us(r.p99Us)} (goal 50);`,
    `full scan p50 ${us(r.scanP50Us)}: ${r.speedup.toFixed(0)}x; ${r.disagreements} disagreements`,
  ].join(" ");
}
