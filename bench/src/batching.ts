import { type Batcher, openBatcher } from "@infaas/cuda-batcher";
import { LoadedModel } from "@infaas/cuda-batcher/testing";
import { type BenchScope, inScope } from "./bench-scope";
import { type ClosedLoopWindow, closedLoop } from "./closed-loop";
import { type AloneWindow, type FedWindow, feedBatcher, findBestBatch, runEngine } from "./engine-alone";
import { quietestHalf, watchForeignLoad } from "./foreign-load";
import { median } from "./statistics";
import { denseSubject, type Subject, zooSubjects } from "./subjects";

const windows = 14;
const windowMs = 200;
/** Requests in flight for each row that the engine threads can hold: one batch runs, others wait. */
const batchesInFlight = 4;
const engineThreads = [1, 2];
const header = [
  "model             ",
  "engine threads",
  "best batch",
  "engine items/s",
  "fed natively",
  "of engine",
  "fed by JS",
  "of engine",
  "× batch 1",
  "mean batch",
  "CPU µs engine",
  "CPU µs native",
  "CPU µs JS",
  "JS busy",
  "foreign cores",
];

/**
 * Throughput of one model with and without the batcher: medians over the quieter half of interleaved windows.
 */
export interface BatchingReport {
  readonly model: string;
  readonly instances: number;
  /** The engine's own best batch size; `alone` is its throughput there without the batcher. */
  readonly bestBatch: number;
  readonly alone: AloneWindow;
  /** Single rows through the batcher, submitted by a native thread. */
  readonly fed: FedWindow;
  /** Median of the windows' own ratios fed / alone. */
  readonly fedShare: number;
  /** Single rows through the batcher, submitted by JavaScript. */
  readonly batched: ClosedLoopWindow;
  /** Median of the windows' own ratios batched / alone. */
  readonly share: number;
  /** The same against the engine's single rows one after another. */
  readonly gain: number;
  /** Cores that other processes kept busy meanwhile. */
  readonly foreignCores: number;
}

/**
 * Prints throughput of single-row requests through the batcher at saturation, beside the engine's at its best
 * batch size.
 */
export async function benchBatching(scope: BenchScope): Promise<void> {
  process.stdout.write(`${header.join("  ")}\n`);
  for (const subject of inScope([...zooSubjects(), denseSubject()], scope)) {
    for (const instances of engineThreads)
      print(await measureBatching(subject, { instances, windows: scope.rounds ?? windows, windowMs }));
  }
}

export interface BatchingRun {
  /** Engine threads. */
  readonly instances: number;
  readonly windows: number;
  readonly windowMs: number;
}

interface Round {
  readonly alone: AloneWindow;
  readonly fed: FedWindow;
  readonly batched: ClosedLoopWindow;
  readonly single: AloneWindow;
  readonly foreignCores: number;
}

/** Measures one model: the engine by itself and the batcher in turn, window by window. */
export async function measureBatching(subject: Subject, run: BatchingRun): Promise<BatchingReport> {
  const { instances } = run;
  const { bestBatch, latencyMs } = await findBestBatch(subject, { instances, durationMs: run.windowMs / 2 });
  const options = { path: subject.path, instances, intraOpThreads: 1, maxBatch: bestBatch, latencyMs };
  const batcher = await openBatcher(options);
  const model = await LoadedModel.open(options);
  const rounds: Round[] = [];
  try {
    for (let i = 0; i < run.windows; i++) rounds.push(await measureRound({ batcher, model }, subject, run));
  } finally {
    model.close();
    await batcher.close();
  }
  const quiet = quietestHalf(rounds);
  const middle = (pick: (round: Round) => number) => median(quiet.map(pick));
  return {
    model: subject.name,
    instances,
    bestBatch,
    alone: {
      itemsPerSecond: middle((r) => r.alone.itemsPerSecond),
      cpuUsPerItem: middle((r) => r.alone.cpuUsPerItem),
    },
    fed: {
      itemsPerSecond: middle((r) => r.fed.itemsPerSecond),
      cpuUsPerItem: middle((r) => r.fed.cpuUsPerItem),
      batchMean: middle((r) => r.fed.batchMean),
    },
    fedShare: middle((r) => r.fed.itemsPerSecond / r.alone.itemsPerSecond),
    batched: {
      itemsPerSecond: middle((r) => r.batched.itemsPerSecond),
      cpuUsPerItem: middle((r) => r.batched.cpuUsPerItem),
      batchMean: middle((r) => r.batched.batchMean),
      loopBusy: middle((r) => r.batched.loopBusy),
    },
    share: middle((r) => r.batched.itemsPerSecond / r.alone.itemsPerSecond),
    gain: middle((r) => r.batched.itemsPerSecond / r.single.itemsPerSecond),
    foreignCores: middle((r) => r.foreignCores),
  };
}

async function measureRound(
  { batcher, model }: { readonly batcher: Batcher; readonly model: LoadedModel },
  subject: Subject,
  run: BatchingRun,
): Promise<Round> {
  const { instances, windowMs: durationMs } = run;
  const batch = batcher.maxBatch;
  const load = { inFlight: batchesInFlight * batch * instances, durationMs };
  const foreignCores = watchForeignLoad();
  return {
    alone: await runEngine(model, subject, { batch, instances, durationMs }),
    fed: await feedBatcher(model, subject, load),
    batched: await closedLoop(batcher, subject, load),
    single: await runEngine(model, subject, { batch: 1, instances, durationMs: durationMs / 2 }),
    foreignCores: foreignCores(),
  };
}

function print({ alone, fed, batched, ...report }: BatchingReport): void {
  const cells = [
    report.model,
    String(report.instances),
    String(report.bestBatch),
    alone.itemsPerSecond.toFixed(0),
    fed.itemsPerSecond.toFixed(0),
    `${(report.fedShare * 100).toFixed(0)} %`,
    batched.itemsPerSecond.toFixed(0),
    `${(report.share * 100).toFixed(0)} %`,
    report.gain.toFixed(1),
    batched.batchMean.toFixed(1),
    alone.cpuUsPerItem.toFixed(2),
    fed.cpuUsPerItem.toFixed(2),
    batched.cpuUsPerItem.toFixed(2),
    `${(batched.loopBusy * 100).toFixed(0)} %`,
    report.foreignCores.toFixed(2),
  ];
  const padded = cells.map((cell, i) =>
    i === 0 ? cell.padEnd(header[0]!.length) : cell.padStart(header[i]!.length),
  );
  process.stdout.write(`${padded.join("  ")}\n`);
}
