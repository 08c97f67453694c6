import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Batcher, CoreGate, openBatcher } from "@infaas/cuda-batcher";
import { type Random, seededRandom, sleep, systemClock } from "@infaas/runtime";
import { type BenchScope, inScope } from "../bench-scope";
import { closedLoop } from "../closed-loop";
import { writeBenchModels } from "../models";
import { median, quantile } from "../statistics";
import { denseSubject, type Subject, zooSubjects } from "../subjects";
import { cache } from "../system";

/** The two models: runs of some milliseconds, so that the generator's share of the cores is small. */
const modelNames = ["digits-vit", "digits-cnn-l"];
const rowsOfQuery = 4;
const maxBatch = 16;
/** Load of each, in multiples of half of what the host gives it. */
const loadDefault = 1.2;
/** Objective of a query, in runs of the largest batch alone. */
const deadlineInRuns = 10;
const aloneRuns = 30;
const roundsDefault = 8;
const windowMs = 2_000;
const saturationMs = 500;
const tickMs = 1;
const seed = 20_261_130;

/** How an instance uses the cores, as variants do: a batch on each, or one batch on all. */
interface Plan {
  readonly instances: number;
  readonly intraOpThreads: number;
}

interface Contender {
  readonly name: string;
  readonly plan: Plan;
  readonly path: string;
  readonly rows: Subject["rows"];
  /** One query of `rowsOfQuery` rows. */
  readonly inputs: readonly Uint8Array[];
}

/** Median engine time by rows of a batch, alone. */
type Profile = ReadonlyMap<number, number>;

interface Window {
  /** Engine time of each answered query in multiples of the profile. */
  readonly stretched: readonly number[];
  readonly offered: number;
  readonly inTime: number;
}

/**
 * Prints the engine time of two models on one host, each under 1.2 times what half of it gives, against the profile of each:
 * with the cores shared out by the operating system, and by the core gate. Then what the gate costs a small model alone.
 */
export async function benchCores(scope: BenchScope): Promise<void> {
  const gate = CoreGate.make(availableParallelism());
  await compareSharing(contenders(scope), gate, scope);
  await compareAlone(gate, scope.rounds ?? roundsDefault);
}

function contenders(scope: BenchScope): readonly Contender[] {
  const cores = availableParallelism();
  const plans = [
    { instances: cores, intraOpThreads: 1 },
    { instances: 1, intraOpThreads: cores },
  ];
  const all = [...zooSubjects(), denseSubject()];
  const models = scope.models.length === 0 ? modelNames : scope.models;
  return inScope(all, { ...scope, models }).map(({ name, path, rows }, index) => {
    const inputs = [inputOf(rows, rowsOfQuery)];
    return { name, path, plan: plans[index % plans.length]!, rows, inputs };
  });
}

async function compareSharing(all: readonly Contender[], gate: CoreGate, scope: BenchScope): Promise<void> {
  const random = seededRandom(seed);
  const load = (scope.loads[0] ?? loadDefault) / 2;
  const measured = all.map(
    () => new Map(["alone", "without gate", "with gate"].map((way) => [way, [] as Window[]])),
  );
  for (let round = 0; round < (scope.rounds ?? roundsDefault); round++) {
    const alone: { readonly perSecond: number; readonly profile: Profile }[] = [];
    for (const [index, one] of all.entries()) {
      const { profile, window } = await runAlone(one);
      measured[index]!.get("alone")!.push(window);
      alone.push({ perSecond: await saturation(one), profile });
    }
    const ways = round % 2 === 0 ? ["without gate", "with gate"] : ["with gate", "without gate"];
    for (const way of ways) {
      const batchers = await Promise.all(all.map((one) => open(one, way === "with gate" ? gate : null)));
      const windows = await Promise.all(
        batchers.map((batcher, index) => {
          const { perSecond, profile } = alone[index]!;
          const deadlineMs = deadlineInRuns * profile.get(maxBatch)!;
          return offer(batcher, all[index]!, { perSecond: load * perSecond, profile, deadlineMs, random });
        }),
      );
      for (const [index, window] of windows.entries()) measured[index]!.get(way)!.push(window);
      await Promise.all(batchers.map((batcher) => batcher.close()));
    }
  }
  process.stdout.write(
    "engine time in multiples of the profile\nmodel         threads  cores shared by   p50   p95  in time\n",
  );
  for (const [index, { name, plan }] of all.entries()) print(name, plan, measured[index]!);
}

function print(name: string, plan: Plan, measured: ReadonlyMap<string, readonly Window[]>): void {
  for (const [way, windows] of measured) {
    const stretched = windows.flatMap((window) => window.stretched);
    const sum = (pick: (window: Window) => number) =>
      windows.reduce((total, window) => total + pick(window), 0);
    const cells = [
      name.padEnd(12),
      `${plan.instances} x ${plan.intraOpThreads}`.padStart(7),
      way.padEnd(15),
      median(stretched).toFixed(2).padStart(4),
      quantile(stretched, 0.95).toFixed(2).padStart(4),
      `${((100 * sum((w) => w.inTime)) / sum((w) => w.offered)).toFixed(1)} %`.padStart(7),
    ];
    process.stdout.write(`${cells.join("  ")}\n`);
  }
}

function open({ path, plan }: Contender, gate: CoreGate | null): Promise<Batcher> {
  const cores = gate === null ? {} : { cores: { gate: gate.path } };
  return openBatcher({ path, ...plan, maxBatch, ...cores });
}

function inputOf(rows: Subject["rows"], count: number): Uint8Array {
  return Buffer.concat(Array.from({ length: count }, (_, i) => rows[i % rows.length]![0]!));
}

/** One batch at a time, as a profile is measured. */
async function runAlone(one: Contender): Promise<{ readonly profile: Profile; readonly window: Window }> {
  const batcher = await open({ ...one, plan: { ...one.plan, instances: 1 } }, null);
  const profile = new Map<number, number>();
  const stretched: number[] = [];
  for (let rows = rowsOfQuery; rows <= maxBatch; rows += rowsOfQuery) {
    const inputs = [inputOf(one.rows, rows)];
    const runMs: number[] = [];
    for (let run = 0; run < aloneRuns; run++) {
      const answer = await batcher.submit(inputs, { rows });
      runMs.push(answer.runMs);
      answer.release();
    }
    profile.set(rows, median(runMs));
    stretched.push(...runMs.map((ms) => ms / profile.get(rows)!));
  }
  await batcher.close();
  return { profile, window: { stretched, offered: stretched.length, inTime: stretched.length } };
}

/** Queries per second with every engine thread busy. */
async function saturation(one: Contender): Promise<number> {
  const batcher = await open(one, null);
  const startMs = systemClock.nowMs();
  let queries = 0;
  const inFlight = (2 * one.plan.instances * maxBatch) / rowsOfQuery;
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (; systemClock.nowMs() - startMs < saturationMs; queries++)
        (await batcher.submit(one.inputs, { rows: rowsOfQuery })).release();
    }),
  );
  const perSecond = (1_000 * queries) / (systemClock.nowMs() - startMs);
  await batcher.close();
  return perSecond;
}

/** Poisson arrivals for one window; refused and shed queries are not in time. */
async function offer(
  batcher: Batcher,
  { inputs }: Contender,
  load: {
    readonly perSecond: number;
    readonly profile: Profile;
    readonly deadlineMs: number;
    readonly random: Random;
  },
): Promise<Window> {
  const stretched: number[] = [];
  let [offered, inTime] = [0, 0];
  const startMs = systemClock.nowMs();
  const gapMs = () => (-Math.log(1 - load.random.next()) * 1_000) / load.perSecond;
  for (let atMs = startMs + gapMs(); atMs < startMs + windowMs; ) {
    for (; atMs <= systemClock.nowMs(); atMs += gapMs()) {
      offered++;
      const dueMs = atMs + load.deadlineMs;
      batcher.submitWith(
        inputs,
        { rows: rowsOfQuery, timeoutMs: dueMs - systemClock.nowMs() },
        (_, answer) => {
          if (answer === null) return;
          stretched.push(answer.runMs / load.profile.get(answer.batchSize)!);
          if (systemClock.nowMs() <= dueMs) inTime++;
          answer.release();
        },
      );
    }
    await sleep(systemClock, tickMs);
  }
  await batcher.drain();
  return { stretched, offered, inTime };
}

/** CPU time of a batch of one small model that has the host for itself. */
async function compareAlone(gate: CoreGate, rounds: number): Promise<void> {
  const { path, rowShape } = writeBenchModels(join(cache, "models"))[0]!;
  const row = new Uint8Array(4 * rowShape.reduce((product, size) => product * size, 1));
  const subject: Subject = { name: "mlp-s", path, rows: [[row]] };
  const without: number[] = [];
  const withGate: number[] = [];
  for (let round = 0; round < 2 * rounds; round++) {
    for (const [to, cores] of [
      [without, {}],
      [withGate, { cores: { gate: gate.path } }],
    ] as const) {
      const batcher = await openBatcher({ path, instances: 1, intraOpThreads: 1, maxBatch: 1, ...cores });
      to.push((await closedLoop(batcher, subject, { inFlight: 4, durationMs: windowMs / 8 })).cpuUsPerItem);
      await batcher.close();
    }
  }
  process.stdout.write(
    `mlp-s alone, CPU of a batch of one row: ${median(without).toFixed(2)} us without gate, ${median(withGate).toFixed(2)} us with gate\n`,
  );
}
