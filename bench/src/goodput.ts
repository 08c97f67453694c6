import { type Batcher, openBatcher } from "@infaas/cuda-batcher";
import { type Random, seededRandom } from "@infaas/runtime";
import { type BenchScope, inScope } from "./bench-scope";
import { closedLoop } from "./closed-loop";
import { findBestBatch } from "./engine-alone";
import { quietestHalf, watchForeignLoad } from "./foreign-load";
import { type OpenLoopReport, openLoop } from "./open-loop";
import { median } from "./statistics";
import { denseSubject, type Subject, zooSubjects } from "./subjects";

/** Slow enough that one JavaScript thread can offer twice its saturation throughput. */
const zooNames = ["digits-vit", "digits-cnn-l"];
const multiples = [0.5, 1, 2];
/** Deadline as a multiple of a lone row's latency, well above the generator's tick of 1 ms. */
const deadlineInLatencies = 10;
const deadlineMinMs = 10;
const rounds = 10;
const windowMs = 800;
const warmUpMs = 200;
const seed = 20_261_124;
const header = [
  "model       ",
  "deadline ms",
  "saturation/s",
  "offered",
  "order   ",
  "goodput",
  "late",
  "refused",
  "shed",
  "compute on expired",
  "foreign cores",
];

/** One load on one model, medians over the quieter half of the rounds. */
export interface GoodputReport {
  readonly model: string;
  readonly deadlineMs: number;
  /** Answers per second of the same batcher under closed-loop load. */
  readonly saturationPerSecond: number;
  /** Offered load, in multiples of saturation. */
  readonly multiple: number;
  readonly tellsDeadline: boolean;
  /** Answers in time per second, as a share of the saturation measured right before. */
  readonly goodput: number;
  /** Shares of all arrivals. */
  readonly late: number;
  readonly refused: number;
  readonly shed: number;
  /** Share of the engine's time. */
  readonly computeExpired: number;
  /** Cores that other processes kept busy meanwhile. */
  readonly foreignCores: number;
}

export interface GoodputRun {
  readonly multiples: readonly number[];
  readonly rounds: number;
  readonly windowMs: number;
  readonly warmUpMs: number;
  readonly random: Random;
}

/**
 * Prints answers in time under Poisson load below, at and above saturation, with and without deadlines told.
 */
export async function benchGoodput(scope: BenchScope): Promise<void> {
  process.stdout.write(`${header.join("  ")}\n`);
  const zoo = zooSubjects().filter(({ name }) => zooNames.includes(name));
  for (const subject of inScope([...zoo, denseSubject()], scope)) {
    const run = {
      multiples: scope.loads.length > 0 ? scope.loads : multiples,
      rounds: scope.rounds ?? rounds,
      windowMs,
      warmUpMs,
      random: seededRandom(seed),
    };
    for (const report of await measureGoodput(subject, run)) print(report);
  }
}

/** Measures one model at every load, with and without deadlines told, all in each round. */
export async function measureGoodput(subject: Subject, run: GoodputRun): Promise<readonly GoodputReport[]> {
  const { bestBatch, latencyMs } = await findBestBatch(subject, {
    instances: 1,
    durationMs: run.windowMs / 8,
  });
  const deadlineMs = Math.max(deadlineMinMs, deadlineInLatencies * (latencyMs[0]?.[1] ?? 0));
  const batcher = await openBatcher({
    path: subject.path,
    instances: 1,
    intraOpThreads: 1,
    maxBatch: bestBatch,
    latencyMs,
  });
  const cells = run.multiples.flatMap((multiple) =>
    [true, false].map((tellsDeadline) => ({ multiple, tellsDeadline, measured: [] as Window[] })),
  );
  try {
    for (let round = 0; round < run.rounds; round++) {
      for (const { measured, ...cell } of cells)
        measured.push(await measureCell(batcher, subject, { ...run, ...cell, deadlineMs }));
    }
  } finally {
    await batcher.close();
  }
  return cells.map(({ measured, ...cell }) => summarise(subject.name, deadlineMs, cell, measured));
}

interface Cell {
  readonly multiple: number;
  readonly tellsDeadline: boolean;
}

interface Window extends OpenLoopReport {
  readonly saturationPerSecond: number;
  readonly foreignCores: number;
}

/** Saturation is measured right before each window: on a shared machine it changes. */
async function measureCell(
  batcher: Batcher,
  subject: Subject,
  run: Cell & GoodputRun & { readonly deadlineMs: number },
): Promise<Window> {
  const { multiple, tellsDeadline, deadlineMs, random, warmUpMs, windowMs: durationMs } = run;
  const foreignCores = watchForeignLoad();
  const closed = { inFlight: 4 * batcher.maxBatch, durationMs: durationMs / 2 };
  const { itemsPerSecond: saturationPerSecond } = await closedLoop(batcher, subject, closed);
  const perSecond = multiple * saturationPerSecond;
  const load = { perSecond, durationMs, warmUpMs, deadlineMs, tellsDeadline, random };
  const report = await openLoop(batcher, subject, load);
  return { ...report, saturationPerSecond, foreignCores: foreignCores() };
}

function summarise(
  model: string,
  deadlineMs: number,
  cell: Cell,
  measured: readonly Window[],
): GoodputReport {
  const quiet = quietestHalf(measured);
  const middle = (pick: (window: Window) => number) => median(quiet.map(pick));
  return {
    model,
    deadlineMs,
    multiple: cell.multiple,
    tellsDeadline: cell.tellsDeadline,
    saturationPerSecond: middle((w) => w.saturationPerSecond),
    goodput: middle((w) => w.goodputPerSecond / w.saturationPerSecond),
    late: middle((w) => w.late / w.arrived),
    refused: middle((w) => w.refused / w.arrived),
    shed: middle((w) => w.shed / w.arrived),
    computeExpired: middle((w) => w.computeExpired),
    foreignCores: middle((w) => w.foreignCores),
  };
}

function print(r: GoodputReport): void {
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  const cells = [
    r.model,
    r.deadlineMs.toFixed(1),
    r.saturationPerSecond.toFixed(0),
    `${r.multiple}x`,
    r.tellsDeadline ? "deadline" : "arrival",
    percent(r.goodput),
    percent(r.late),
    percent(r.refused),
    percent(r.shed),
    percent(r.computeExpired),
    r.foreignCores.toFixed(2),
  ];
  const padded = cells.map((cell, i) =>
    i === 0 ? cell.padEnd(header[0]!.length) : cell.padStart(header[i]!.length),
  );
  process.stdout.write(`${padded.join("  ")}\n`);
}
