import { type BatchSamples, fitProfile } from "@infaas/policy";
import type { Clock } from "@infaas/runtime";
import type { EnginePort } from "../../engines/engine-port";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import type { RowSet } from "../onnx/row-set";
import { type CorePlan, findKnee } from "./variant-generator";

/** Largest batch tried; beyond it a CPU gains nothing and a query only waits. */
export const PROFILE_BATCH_MAX = 64;
/** Time for one batch size: long enough for a steady median, short enough that eight architectures take a minute. */
const POINT_MS = 100;
/** Samples wanted per batch size, so that a p95 means something... */
const POINT_SAMPLES = 30;
/** ...but never beyond this time, however slow the model. */
const POINT_LIMIT_MS = 300;
/** Runs that are not counted: first-touch memory, caches, thread wake-up. */
const WARM_UP_RUNS = 3;
/** Time for which all engine threads are kept busy to measure saturation once: shorter than most disturbances. */
const SATURATION_MS = 25;
/** It is measured at least this often, after once that is not counted (the queue's path is cold in more places than a run)... */
const SATURATION_WINDOWS_MIN = 3;
/** ...and on, while the best stands alone and may still be disturbed, up to this often. */
const SATURATION_WINDOWS_MAX = 8;
/** The best counts, because a disturbance can only make it worse; it is believed once another comes this close. */
const SATURATION_AGREEMENT = 0.95;
/** Batches kept in flight per engine thread at saturation: one running, the others waiting. */
const IN_FLIGHT_PER_THREAD = 3;
/** A batch that takes longer than this is not doubled: whoever waits for it waits too long already. */
const DOUBLED_BATCH_MS_MAX = 250;
/** Batch sizes without a gain after which larger ones are not tried. */
const FLAT_STEPS_MAX = 2;
/**
 * Memory of an opened model over the size of its file: weights as read and as packed for the kernels. Measured in a fresh
 * process: 1.3 for a dense net of 33 MB in fp32, 1.9 for the same in int8.
 */
const OPENED_FILE_FACTOR = 2;
/** Slabs an engine holds beside one per thread: forming, ready, lent. */
const SPARE_SLABS = 3;

/** What one instance of a variant costs to hold and can do. */
export interface MeasuredInstance {
  /** Opening the file until the first answer. */
  readonly loadMs: number;
  /**
   * Growth of the process while it ran, and at least the opened file plus its batch memory: memory that an earlier model
   * gave back is used again without any growth.
   */
  readonly peakMemoryBytes: number;
  /** Items per second with all engine threads busy. */
  readonly saturationPerSecond: number;
}

/** One model file and the rows it is measured with. */
export interface ProfiledModel {
  readonly path: string;
  /** Of all its files. */
  readonly fileBytes: number;
  readonly rows: RowSet;
  readonly engines: EnginePort;
  readonly clock: Clock;
}

/**
 * Latencies by batch size 1, 2, 4, ... of one batch at a time, until items per second stop rising or `maxBatch` is reached.
 * Engine time only: what is added by queues and the network is measured where it arises.
 */
export async function measureLatency(
  model: ProfiledModel,
  threads: number,
  maxBatch: number,
): Promise<BatchSamples[]> {
  const open = ModelRunner.open(model.engines, model.rows, {
    path: model.path,
    threads,
    concurrency: 1,
    maxBatch,
  });
  return await withRunner(open, async (runner) => {
    const measured: BatchSamples[] = [];
    for (let batch = 1; batch <= maxBatch; batch *= 2) {
      measured.push({ batch, samplesMs: await measureBatch(runner, model, batch) });
      const { points } = fitProfile(measured);
      if (points.at(-1)!.p50Ms > DOUBLED_BATCH_MS_MAX) break;
      if (batch / findKnee(points) >= 2 ** FLAT_STEPS_MAX) break;
    }
    return measured;
  });
}

/**
 * Opens one instance per largest batch, as each will be served, and measures what it takes and gives. Saturation is
 * measured in turns, so that whatever else the host does meets all of them alike.
 */
export async function measureInstances(
  model: ProfiledModel,
  cores: CorePlan,
  maxBatches: readonly number[],
): Promise<MeasuredInstance[]> {
  const { path, fileBytes, rows, engines, clock } = model;
  const runners: ModelRunner[] = [];
  const figures: { loadMs: number; peakMemoryBytes: number; measureWindow: () => Promise<number> }[] = [];
  try {
    for (const maxBatch of maxBatches) {
      const residentBytes = process.memoryUsage.rss();
      const startMs = clock.nowMs();
      const runner = await ModelRunner.open(engines, rows, { path, ...cores, maxBatch });
      runners.push(runner);
      const { outputs } = await runner.run([0]);
      const loadMs = clock.nowMs() - startMs;
      const measureWindow = saturationWindow(runner, model, cores.concurrency, maxBatch);
      await measureWindow();
      const outputBytes = outputs.reduce((sum, { byteLength }) => sum + byteLength, 0);
      const slabBytes = maxBatch * (rows.rowBytes + outputBytes);
      const leastBytes = OPENED_FILE_FACTOR * fileBytes + (cores.concurrency + SPARE_SLABS) * slabBytes;
      const grownBytes = process.memoryUsage.rss() - residentBytes;
      figures.push({ loadMs, peakMemoryBytes: Math.max(grownBytes, leastBytes), measureWindow });
    }
    const perSecond = await measureSaturation(figures.map(({ measureWindow }) => measureWindow));
    return figures.map(({ loadMs, peakMemoryBytes }, index) => {
      return { loadMs, peakMemoryBytes, saturationPerSecond: perSecond[index]! };
    });
  } finally {
    await Promise.all(runners.map((runner) => runner.close()));
  }
}

async function measureBatch(
  runner: ModelRunner,
  { rows, clock }: ProfiledModel,
  batch: number,
): Promise<number[]> {
  const inputs = rows.inputsOf(firstRows(batch));
  const deadlineMs = clock.nowMs() + POINT_LIMIT_MS;
  for (let run = 0; run < WARM_UP_RUNS && (run === 0 || clock.nowMs() < deadlineMs); run++)
    await runner.timeMs(inputs, batch);
  const samples: number[] = [];
  const startMs = clock.nowMs();
  const wanted = () => samples.length < POINT_SAMPLES || clock.nowMs() - startMs < POINT_MS;
  do samples.push(await runner.timeMs(inputs, batch));
  while (wanted() && clock.nowMs() < deadlineMs);
  return samples;
}

/** Measures items per second when queries never run out, fed through the queue as in service, each time it is called. */
function saturationWindow(
  runner: ModelRunner,
  { rows, clock }: ProfiledModel,
  concurrency: number,
  batch: number,
): () => Promise<number> {
  const inputs = rows.inputsOf(firstRows(batch));
  return async () => {
    const startMs = clock.nowMs();
    let batches = 0;
    const keepBusy = async () => {
      do {
        await runner.timeMs(inputs, batch);
        batches += 1;
      } while (clock.nowMs() - startMs < SATURATION_MS);
    };
    await Promise.all(Array.from({ length: concurrency * IN_FLIGHT_PER_THREAD }, keepBusy));
    return (batches * batch * 1000) / (clock.nowMs() - startMs);
  };
}

/** Best items per second of each instance, measured in turns until every best is confirmed or has been tried for often. */
async function measureSaturation(instances: readonly (() => Promise<number>)[]): Promise<number[]> {
  const windows = instances.map((): number[] => []);
  for (let round = 0; round < SATURATION_WINDOWS_MAX; round++) {
    for (const [index, measureWindow] of instances.entries()) {
      const own = windows[index]!;
      if (!isBestConfirmed(own)) own.push(await measureWindow());
    }
  }
  return windows.map((own) => Math.max(...own));
}

function isBestConfirmed(windows: readonly number[]): boolean {
  const best = Math.max(...windows);
  const close = windows.filter((perSecond) => perSecond >= best * SATURATION_AGREEMENT);
  return windows.length >= SATURATION_WINDOWS_MIN && close.length >= 2;
}

function firstRows(count: number): number[] {
  return Array.from({ length: count }, (_, row) => row);
}
