import type { BatchSamples } from "@infaas/policy";
import { type Clock, processUsage } from "@infaas/runtime";
import type { EnginePort } from "../../engines/engine-port";
import { ModelRunner, withRunner } from "../onnx/model-runner";
import { firstRows, type RowSet } from "../onnx/row-set";
import { isBestConfirmed, isRationed, SATURATION_WINDOWS_MAX, saturationOf, windowMs } from "./saturation";
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
  /** Items per second with all engine threads busy, within the CPU time of the host. */
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
  /** As of `ProfiledHost`. */
  readonly cpuCores: number;
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
      const cpuTimes = isRationed(cores, model.cpuCores);
      const runner = await ModelRunner.open(engines, rows, { path, ...cores, maxBatch, cpuTimes });
      runners.push(runner);
      const { outputs } = await runner.run([0]);
      const loadMs = clock.nowMs() - startMs;
      const measureWindow = saturationWindow(runner, model, cores, maxBatch);
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
  const spentMs = stopwatch(runner, clock);
  for (let run = 0; run < WARM_UP_RUNS && (run === 0 || spentMs() < POINT_LIMIT_MS); run++)
    await runner.timeMs(inputs, batch);
  const samples: number[] = [];
  const warmMs = spentMs();
  const wanted = () => samples.length < POINT_SAMPLES || spentMs() - warmMs < POINT_MS;
  do samples.push(await runner.timeMs(inputs, batch));
  while (wanted() && spentMs() < POINT_LIMIT_MS);
  return samples;
}

/** Returns a function that tells the time since this call without that in which batches waited for cores of the host. */
function stopwatch(runner: ModelRunner, clock: Clock): () => number {
  const workedMs = () => clock.nowMs() - runner.coreWaitedMs;
  const startMs = workedMs();
  return () => workedMs() - startMs;
}

/**
 * Returns a function that measures items per second of one window, fed through the queue as in service. Where batches waited
 * for cores of the host, its length is the time that engine threads ran.
 */
function saturationWindow(
  runner: ModelRunner,
  { rows, clock, cpuCores }: ProfiledModel,
  cores: CorePlan,
  batch: number,
): () => Promise<number> {
  const inputs = rows.inputsOf(firstRows(batch));
  const leastMs = windowMs(cores, cpuCores);
  return async () => {
    const { coreWaitedMs } = runner;
    const startMs = clock.nowMs();
    let [batches, cpuMs] = [0, 0];
    const keepBusy = async () => {
      do {
        const ranMs = await runner.cpuMs(inputs, batch);
        cpuMs += ranMs;
        batches += 1;
      } while (clock.nowMs() - startMs < leastMs);
    };
    await Promise.all(Array.from({ length: cores.concurrency * IN_FLIGHT_PER_THREAD }, keepBusy));
    const hadAllCores = runner.coreWaitedMs === coreWaitedMs;
    const elapsedMs = hadAllCores ? clock.nowMs() - startMs : cpuMs / cores.concurrency;
    return saturationOf({ items: batches * batch, elapsedMs, cpuMs }, cores, cpuCores);
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
