import { type LoadedModel, measure } from "@infaas/cuda-batcher/testing";
import { median } from "./statistics";
import type { Subject } from "./subjects";

/** Batch sizes tried; beyond them no CPU gains. */
const sizes = [1, 2, 4, 8, 16, 32, 64];
const warmUpMs = 40;
const rounds = 3;

/** Figures of the engine without a queue, at the sizes tried. */
export interface EngineAlone {
  /** Median latency in ms by batch size, as pairs: the first profile of a batcher. */
  readonly latencyMs: readonly (readonly [rows: number, latencyMs: number])[];
  /** The size with most items per second. */
  readonly bestBatch: number;
}

/** Measures the engine at every size, in rounds, so that a busy moment does not decide the best. */
export async function findBestBatch(
  subject: Subject,
  load: { readonly instances: number; readonly durationMs: number },
): Promise<EngineAlone> {
  const measured = sizes.map((batch) => ({ batch, latencies: [] as number[], rates: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    for (const { batch, latencies, rates } of measured) {
      const alone = await measure(subject.path, {
        batch,
        ...load,
        intraOpThreads: 1,
        warmUpMs,
        inputs: subject.rows[0]!,
      });
      latencies.push(median([...alone.latencyMs]));
      rates.push(alone.itemsPerSecond);
    }
  }
  const best = measured.reduce((a, b) => (median(b.rates) > median(a.rates) ? b : a));
  return {
    latencyMs: measured.map(({ batch, latencies }) => [batch, median(latencies)] as const),
    bestBatch: best.batch,
  };
}

/** One window of the engine without a queue. */
export interface AloneWindow {
  readonly itemsPerSecond: number;
  /** CPU time of the process for one item, over all threads. */
  readonly cpuUsPerItem: number;
}

/** One window of the batcher fed by a native thread. */
export interface FedWindow extends AloneWindow {
  /** Mean rows of a batch. */
  readonly batchMean: number;
}

/** Keeps single-row requests in a batcher of the model's own, submitted by a native thread. */
export async function feedBatcher(
  model: LoadedModel,
  subject: Subject,
  load: { readonly inFlight: number; readonly durationMs: number },
): Promise<FedWindow> {
  const before = process.cpuUsage();
  const fed = await model.feed({ ...load, warmUpMs, inputs: subject.rows[0]! });
  const spent = process.cpuUsage(before);
  // CPU time is of the whole window, items of its part after the warm-up.
  const items = (fed.itemsPerSecond * (load.durationMs + warmUpMs)) / 1000;
  return { ...fed, cpuUsPerItem: (spent.user + spent.system) / items };
}

/** Runs the engine at one size. */
export async function runEngine(
  model: LoadedModel,
  subject: Subject,
  load: { readonly batch: number; readonly instances: number; readonly durationMs: number },
): Promise<AloneWindow> {
  const before = process.cpuUsage();
  const alone = await model.measure({ ...load, inputs: subject.rows[0]! });
  const spent = process.cpuUsage(before);
  // The first run of each thread is made but not counted.
  const items = (alone.latencyMs.length + load.instances) * load.batch;
  return { itemsPerSecond: alone.itemsPerSecond, cpuUsPerItem: (spent.user + spent.system) / items };
}
