import {
  buildCatalog,
  type ClassDemand,
  classKey,
  freshMemory,
  planDue,
  plannedRows,
  planScaling,
  rateInterval,
  SCALING_DEFAULTS,
  type ScaledHost,
  type ScalingFacts,
  type ScalingPlan,
  scalingOf,
  type Variant,
} from "@infaas/policy";
import { type Random, seededRandom } from "@infaas/runtime";

/** The size that the planner must bear: the paper's variant space (INFaaS, ATC '21, section 6) over more architectures. */
const ARCHITECTURES = 100;
const VARIANTS = 4_032;
const HOSTS = 100;
const CLASSES_PER_ARCHITECTURE = 2;
/** Hosts that demand keeps busy; the rest is headroom. */
const BUSY_HOSTS = 30;
const CORES = 16;
const ROUNDS = 30;
const WARM_UP = 5;
const SEED = 20_261_130;

/** Figures of one run, in milliseconds of processor time unless named otherwise: the machine may have more to do. */
export interface PlanningReport {
  readonly variants: number;
  readonly classes: number;
  readonly hosts: number;
  /** A plan from nothing, and one from what the plan before placed with demand moved by up to 5 %. */
  readonly firstMs: Spread;
  readonly nextMs: Spread;
  /** The longest step that a plan keeps the event loop from anything else. */
  readonly sliceMs: Spread;
  /** A round without a cause. */
  readonly idleUs: Spread;
  readonly wantedHosts: number;
  readonly unservedClasses: number;
}

/** Median and worst of the rounds. */
interface Spread {
  readonly p50: number;
  readonly worst: number;
}

/** Times planning at the size of the paper's variant space, as the leader does it: in slices. */
export function benchPlanning(random: Random = seededRandom(SEED)): PlanningReport {
  const catalog = buildCatalog({ variants: makeVariants(random) });
  const firstMs: number[] = [];
  const nextMs: number[] = [];
  const sliceMs: number[] = [];
  const idleUs: number[] = [];
  let [wantedHosts, unservedClasses] = [0, 0];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const demand = makeDemand(random);
    const empty = makeFacts(catalog, demand, []);
    const first = timed(empty);
    const placed = makeFacts(catalog, moved(demand, random), holding(first.plan));
    const next = timed(placed);
    const needs = new Map(placed.demand.map((one) => [classKey(one), plannedRows(one)]));
    const basis = { plan: next.plan, atMs: 0, structure: 1 };
    const startMs = processorMs();
    const due = planDue(basis, { nowMs: 1, structure: 1, needs, isOverdue: () => false });
    const idleMs = processorMs() - startMs;
    if (due !== null) throw new Error(`a plan is due at once because ${due}: this is a bug`);
    if (round < 0) continue;
    firstMs.push(first.ms);
    nextMs.push(next.ms);
    sliceMs.push(Math.max(first.longestMs, next.longestMs));
    idleUs.push(idleMs * 1_000);
    wantedHosts = next.plan.wantedHosts;
    unservedClasses = next.plan.explain().filter((line) => line.unservedPerSecond > 0).length;
  }
  return {
    variants: catalog.entries.length,
    classes: ARCHITECTURES * CLASSES_PER_ARCHITECTURE,
    hosts: HOSTS,
    firstMs: spreadOf(firstMs),
    nextMs: spreadOf(nextMs),
    sliceMs: spreadOf(sliceMs),
    idleUs: spreadOf(idleUs),
    wantedHosts,
    unservedClasses,
  };
}

const OPTIONS = { ...SCALING_DEFAULTS, holdMs: 60_000 };

/** One plan as a whole, and once more step by step: to read the processor's time at each would take longer than most of them. */
function timed(facts: ScalingFacts) {
  const startMs = processorMs();
  const plan = planScaling(facts, freshMemory(OPTIONS, 0), OPTIONS);
  const ms = processorMs() - startMs;
  const planning = scalingOf(facts, freshMemory(OPTIONS, 0), OPTIONS);
  let longestMs = 0;
  for (let done = false; !done; ) {
    const stepMs = processorMs();
    done = planning.next().done === true;
    longestMs = Math.max(longestMs, processorMs() - stepMs);
  }
  return { plan, ms, longestMs };
}

/** Processor time of this process, all its threads together. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function makeFacts(
  catalog: ScalingFacts["catalog"],
  demand: readonly ClassDemand[],
  hosts: readonly ScaledHost[],
): ScalingFacts {
  return {
    nowMs: 1,
    catalog,
    pool: {
      hostType: "bench",
      pricePerHourUsd: 0.048 * CORES,
      cores: CORES,
      memoryBytes: 64e9,
      deviceKinds: ["cpu"],
      minHosts: 1,
      maxHosts: HOSTS,
    },
    hosts,
    demand,
    demandKnown: true,
    overdueMs: 0,
    startsRestUntilMs: null,
  };
}

/** Hosts that hold what the plan wants of them. */
function holding({ hosts }: ScalingPlan): readonly ScaledHost[] {
  return hosts.map(({ name, variants }) => {
    const held = new Set(variants);
    return { name, state: "up", withdrawn: false, ready: held, placed: held, removable: held };
  });
}

/** Every architecture is asked for with and without a floor; a few get most, as by a Zipf distribution. */
function makeDemand(random: Random): readonly ClassDemand[] {
  const weights = Array.from({ length: ARCHITECTURES * CLASSES_PER_ARCHITECTURE }, (_, i) => 1 / (i + 1));
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight, i) => {
    const architecture = Math.floor(i / CLASSES_PER_ARCHITECTURE);
    const hostSeconds = oneCoreMs(architecture) / 3 / 1_000 / CORES;
    const perSecond = Math.max(1, (BUSY_HOSTS * weight) / all / hostSeconds);
    const arrivals = Math.round(perSecond * 60);
    return {
      target: { kind: "architecture", name: `arch-${architecture}` },
      minAccuracy: i % CLASSES_PER_ARCHITECTURE === 0 ? null : 0.9,
      latencyMs: oneCoreMs(architecture) * (4 + 8 * random.next()),
      objective: random.next() < 0.8 ? "min-cost" : "max-accuracy",
      rowsPerQuery: 1,
      arrivals,
      rate: rateInterval(arrivals, 60),
    };
  });
}

function moved(demand: readonly ClassDemand[], random: Random): readonly ClassDemand[] {
  return demand.map((one) => {
    const arrivals = Math.round(one.arrivals * (0.95 + 0.1 * random.next()));
    return { ...one, arrivals, rate: rateInterval(arrivals, 60) };
  });
}

function oneCoreMs(architecture: number): number {
  return 4 * 60 ** (architecture / (ARCHITECTURES - 1));
}

function makeVariants(random: Random): readonly Variant[] {
  const [threads, precisions] = [
    [1, 2, 4, 8, 16],
    ["fp32", "fp16", "int8"],
  ] as const;
  const batches = [1, 4, 16];
  return Array.from({ length: VARIANTS }, (_, i): Variant => {
    const architecture = i % ARCHITECTURES;
    const nth = Math.floor(i / ARCHITECTURES);
    const precision = precisions[nth % precisions.length] ?? "fp32";
    const wide = threads[Math.floor(nth / precisions.length) % threads.length] ?? 1;
    const maxBatch = batches[Math.floor(nth / (precisions.length * threads.length)) % batches.length] ?? 1;
    const gain = precision === "fp32" ? 1 : precision === "fp16" ? 1.3 : 2;
    const betaMs = (oneCoreMs(architecture) / gain / wide ** 0.8) * (0.9 + 0.2 * random.next());
    const alphaMs = 0.3 * betaMs;
    const points = [1, 4, 16]
      .filter((b) => b <= maxBatch)
      .map((batch) => {
        const ms = alphaMs + betaMs * batch;
        return { batch, p50Ms: ms, p95Ms: 1.1 * ms, p99Ms: 1.25 * ms };
      });
    const accuracy = precision === "int8" ? 0.89 : 0.92;
    return {
      name: `arch-${architecture}-${nth}`,
      architecture: `arch-${architecture}`,
      task: `task-${architecture}/set`,
      version: 1,
      engine: "onnxruntime",
      deviceKind: "cpu",
      precision,
      threads: wide,
      concurrency: CORES / wide,
      maxBatch,
      accuracy: {
        value: accuracy,
        metric: "accuracy",
        dataset: "set",
        sampleCount: 1_000,
        origin: "measured",
      },
      profile: {
        points,
        fit: { alphaMs, betaMs, worstResidualMs: 0 },
        loadMs: 300 + 10 * betaMs,
        peakMemoryBytes: 2e8 + 2e7 * wide,
        saturationPerSecond: ((CORES / wide) * 1_000 * maxBatch) / (alphaMs + betaMs * maxBatch),
        hostType: "bench",
      },
    };
  });
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { p50: sorted[Math.floor(sorted.length / 2)] ?? 0, worst: sorted.at(-1) ?? 0 };
}

/** Returns the report in sentences, the goals beside the figures. */
export function describePlanning(r: PlanningReport): string {
  const ms = ({ p50, worst }: Spread) => `p50 ${p50.toFixed(1)} ms, worst ${worst.toFixed(1)} ms`;
  return [
    `planScaling, ${r.variants} variants, ${r.classes} classes x ${r.hosts} hosts, ${r.wantedHosts} wanted, ${r.unservedClasses} classes not served in full:`,
    `from nothing ${ms(r.firstMs)} (goal 50 ms);`,
    `from the plan before ${ms(r.nextMs)} (goal 50 ms);`,
    `longest step ${ms(r.sliceMs)} (goal 5 ms);`,
    `a round without a cause p50 ${r.idleUs.p50.toFixed(1)} µs, worst ${r.idleUs.worst.toFixed(1)} µs (goal 100 µs)`,
  ].join("\n");
}
