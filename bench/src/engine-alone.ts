import { type Batcher, measure } from "@infaas/cuda-batcher";
import { median } from "./statistics";
import type { Subject } from "./subjects";

/** Sizes tried, up to where no CPU gains any more. */
const sizes = [1, 2, 4, 8, 16, 32, 64];
const warmUpMs = 40;
const rounds = 3;

/** What the engine does by itself, without a queue, at the sizes tried. */
export interface EngineAlone {
  /** Median latency in ms by batch size, as pairs: what a batcher is seeded with. */
  readonly latencyMs: readonly (readonly [rows: number, latencyMs: number])[];
  /** The size of most items per second. */
  readonly bestBatch: number;
}

/** Finds the engine's own best batch size: rounds over all sizes, so that a busy moment does not choose. */
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

/** One window of the engine by itself. */
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

/** Keeps single-row requests in the batcher from a native thread, without JavaScript on their way. */
export async function feedBatcher(
  batcher: Batcher,
  subject: Subject,
  load: { readonly inFlight: number; readonly durationMs: number },
): Promise<FedWindow> {
  const before = process.cpuUsage();
  const fed = await batcher.feedNatively({ ...load, warmUpMs, inputs: subject.rows[0]! });
  const spent = process.cpuUsage(before);
  // CPU time is of the whole window, items of its part after the warm-up.
  const items = (fed.itemsPerSecond * (load.durationMs + warmUpMs)) / 1000;
  return { ...fed, cpuUsPerItem: (spent.user + spent.system) / items };
}

/** Runs the batcher's engine at one size, beside its (empty) queue. */
export async function runEngine(
  batcher: Batcher,
  subject: Subject,
  load: { readonly batch: number; readonly instances: number; readonly durationMs: number },
): Promise<AloneWindow> {
  const before = process.cpuUsage();
  const alone = await batcher.runAlone({ ...load, inputs: subject.rows[0]! });
  const spent = process.cpuUsage(before);
  // The first run of each thread is made but not counted.
  const items = (alone.latencyMs.length + load.instances) * load.batch;
  return { itemsPerSecond: alone.itemsPerSecond, cpuUsPerItem: (spent.user + spent.system) / items };
}
