import type { BatchSamples } from "@infaas/policy";
import { type Clock, processUsage } from "@infaas/runtime";
import type { EnginePort } from "../../engines/engine-port";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import { firstRows, type RowSet } from "../onnx/row-set";
import type { CorePlan } from "./variant-generator";

/** Largest batch tried; beyond it a CPU gains nothing and a query only waits. */
export const PROFILE_BATCH_MAX = 64;
/** Time for one batch size: enough for a steady median, and eight architectures take a minute. */
const POINT_MS = 100;
/** Fewest samples of one batch size, for the sake of its p95... */
const POINT_SAMPLES = 30;
/** ...within at most this time, however slow the model is. */
const POINT_LIMIT_MS = 300;
/** Runs that are not counted: first-touch memory, caches, thread wake-up. */
const WARM_UP_RUNS = 3;
/** Length of a saturation window, in which all engine threads are busy: shorter than most disturbances. */
const SATURATION_MS = 25;
/**
 * Fewest windows, after one that is not counted: the path through the queue is cold in more places than a
 * run.
 */
const SATURATION_WINDOWS_MIN = 3;
/** Most windows, while no second one comes close to the best. */
const SATURATION_WINDOWS_MAX = 8;
/**
 * The best window counts, since a disturbance only slows; it is confirmed by a second one this close to it.
 */
const SATURATION_AGREEMENT = 0.95;
/** Batches in flight for each engine thread at saturation: one runs, the others wait. */
const IN_FLIGHT_PER_THREAD = 3;
/**
 * Memory of an opened model as a multiple of its file: weights as read and as packed for the kernels.
 * Measured in a new process: 1.3 for a dense net of 33 MB in fp32, 1.9 for the same in int8.
 */
export const OPENED_FILE_FACTOR = 2;
/** Slabs of an engine beside one for each thread: forming, ready, lent. */
const SPARE_SLABS = 3;

/** Load latency, memory and throughput of one instance, as measured. */
export interface MeasuredInstance {
  /** From opening the file to the first answer. */
  readonly loadMs: number;
  /**
   * Growth of the process while it ran, and at least the opened file plus its batch memory: the process does
   * not grow for memory that an earlier model has freed.
   */
  readonly peakMemoryBytes: number;
  /** Items per second with all engine threads busy. */
  readonly saturationPerSecond: number;
}

/** One model file and the rows it is measured with. */
export interface ProfiledModel {
  readonly path: string;
  /** All its files together. */
  readonly fileBytes: number;
  readonly rows: RowSet;
  readonly engines: EnginePort;
  readonly clock: Clock;
}

/**
 * Returns latencies of batch sizes 1, 2, 4, ... up to `maxBatch`, one batch at a time. Engine time only: queues and
 * the network are measured where they add to it.
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
    }
    return measured;
  });
}

/**
 * Opens one instance for each largest batch, as it will be served, and measures it. Saturation is measured in
 * turns, so that other load of the host affects all of them alike.
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
      const residentBytes = processUsage.residentBytes();
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
      const grownBytes = processUsage.residentBytes() - residentBytes;
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

/** Returns a function that measures items per second of one window, fed through the queue as in service. */
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

/** Best items per second of each instance, measured in turns until confirmed or `SATURATION_WINDOWS_MAX`. */
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
