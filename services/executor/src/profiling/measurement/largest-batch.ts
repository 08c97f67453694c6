import { ModelRunner, withRunner } from "../onnx/model-runner";
import { firstRows } from "../onnx/row-set";
import { PROFILE_BATCH_MAX, type ProfiledModel } from "./profiler";
import { runInTurns } from "./run-in-turns";

/**
 * Sizes that the largest batch is one of, and the share of the best size's items per second at which a size is good enough. Few and
 * far apart, so that seldom two of them are about as good and a measurement decides between them. Single rows have to be
 * all but the best: a model that gains a little has batches.
 */
const SIZES = [
  { rows: 1, goodShare: 0.97 },
  { rows: 16, goodShare: 0.915 },
  { rows: PROFILE_BATCH_MAX, goodShare: 1 },
] as const;
/** CPU time of a batch above which larger ones are not tried, and it is none to have, milliseconds: who waits in it waits for all of it. */
const BATCH_CPU_MS_MAX = 500;

/**
 * Runs of a small size in one round, so that they cost about this share of the largest and no single run decides: the first
 * after a large batch finds the caches full of what that left.
 */
const ROUND_SHARE = 0.25;
const REPEATS_MAX = 8;

/** CPU time of one batch by its size, milliseconds. */
export type BatchCosts = ReadonlyMap<number, number>;

/**
 * Returns what batches of one thread cost in CPU time, which leaves out when other processes ran; see `runInTurns`.
 * @param rowsMax Largest size that is tried; 1 for a file whose rows share no batch.
 */
export async function measureBatchCosts(model: ProfiledModel, rowsMax: number): Promise<BatchCosts> {
  const { rows, clock } = model;
  const sizes = SIZES.map((size) => size.rows).filter((size) => size <= rowsMax);
  return await withRunner(openForCosts(model, sizes.at(-1) ?? 1), async (runner) => {
    const runs = new Map<number, { readonly run: () => Promise<number>; readonly onceMs: number }>();
    for (const size of sizes) {
      const inputs = rows.inputsOf(firstRows(size));
      const run = () => runner.cpuMs(inputs, size);
      const onceMs = await run();
      const isTooSlow = onceMs > BATCH_CPU_MS_MAX;
      if (!isTooSlow || size === 1) runs.set(size, { run, onceMs });
      if (isTooSlow) break;
    }
    const shareMs = ROUND_SHARE * Math.max(...[...runs.values()].map(({ onceMs }) => onceMs));
    const turns = [...runs.values()].map(({ run, onceMs }) => repeated(run, Math.floor(shareMs / onceMs)));
    const costs = await runInTurns(turns, clock);
    return new Map([...runs.keys()].map((size, index) => [size, costs[index]!]));
  });
}

/** A run of several: what one of them costs. */
function repeated(run: () => Promise<number>, times: number): () => Promise<number> {
  const count = Math.max(1, Math.min(times, REPEATS_MAX));
  return async () => {
    let costMs = 0;
    for (let turn = 0; turn < count; turn += 1) costMs += await run();
    return costMs / count;
  };
}

/** Returns the smallest size that is good enough. */
export function largestBatchOf(costs: BatchCosts): number {
  const perMs = (rows: number) => rows / (costs.get(rows) ?? Number.POSITIVE_INFINITY);
  const best = Math.max(...SIZES.map(({ rows }) => perMs(rows)));
  return SIZES.find(({ rows, goodShare }) => perMs(rows) >= best * goodShare)?.rows ?? 1;
}

/** Returns how many times the CPU time of a row with `second` a row takes with `first`. */
export async function compareLoneRows(first: ProfiledModel, second: ProfiledModel): Promise<number> {
  return await withRunner(openForCosts(first, 1), async (one) =>
    withRunner(openForCosts(second, 1), async (other) => {
      const runs = [one, other].map((runner) => {
        const inputs = first.rows.inputsOf(firstRows(1));
        return () => runner.cpuMs(inputs, 1);
      });
      const [firstMs = 1, secondMs = 1] = await runInTurns(runs, first.clock);
      return firstMs / secondMs;
    }),
  );
}

function openForCosts({ path, rows, engines }: ProfiledModel, maxBatch: number): Promise<ModelRunner> {
  return ModelRunner.open(engines, rows, { path, threads: 1, concurrency: 1, maxBatch, cpuTimes: true });
}
