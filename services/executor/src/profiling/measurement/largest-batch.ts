import { ModelRunner, withRunner } from "../onnx/model-runner";
import { firstRows } from "../onnx/row-set";
import { PROFILE_BATCH_MAX, type ProfiledModel } from "./profiler";

/**
 * Sizes that the largest batch is one of. A factor of four apart, so that seldom two of them are about as good and
 * a measurement decides between them.
 */
const SIZES: readonly number[] = [1, 4, 16, PROFILE_BATCH_MAX];
/** The smallest size counts whose items per second reach this share of the best size's. */
const GOOD_SHARE = 0.9;
/** CPU time of a batch above which it is not tried, milliseconds: who waits in it waits for all of it. */
const BATCH_CPU_MS_MAX = 500;
/** A lower cost than the lowest so far counts as news when it is below this share of it. */
const NEWS_SHARE = 0.99;
/** Rounds without news after which the costs are final. */
const SETTLED_ROUNDS = 12;
/** Fewest rounds, however long they take. */
const ROUNDS_MIN = 3;
/** No further round is begun after this time. */
const ROUNDS_MS_MAX = 3_000;

/** CPU time of nothing, for clocks that tell no less. */
const COST_MS_MIN = 1e-6;

/** CPU time of one batch by its size, milliseconds. */
export type BatchCosts = ReadonlyMap<number, number>;

/**
 * Returns what batches of one thread cost: CPU time, which leaves out when other processes ran, and the lowest of many
 * runs, since caches and clock rates that others disturb only add to it. Sizes take turns, so that what lasts disturbs all of them
 * alike.
 * @param rowsMax Largest size that is tried; 1 for a file whose rows share no batch.
 */
export async function measureBatchCosts(model: ProfiledModel, rowsMax: number): Promise<BatchCosts> {
  const { path, rows, engines, clock } = model;
  const sizes = SIZES.filter((size) => size <= rowsMax);
  const maxBatch = sizes.at(-1) ?? 1;
  const open = ModelRunner.open(engines, rows, {
    path,
    threads: 1,
    concurrency: 1,
    maxBatch,
    cpuTimes: true,
  });
  return await withRunner(open, async (runner) => {
    const costs = new Map<number, number>();
    const inputs = new Map(sizes.map((size) => [size, rows.inputsOf(firstRows(size))]));
    const untilMs = clock.nowMs() + ROUNDS_MS_MAX;
    let settled = 0;
    for (let round = 0; settled < SETTLED_ROUNDS; round++) {
      if (round >= ROUNDS_MIN && clock.nowMs() > untilMs) break;
      settled += 1;
      for (const size of sizes) {
        if (isTooSlow(costs, size)) break;
        const costMs = await runner.cpuMs(inputs.get(size)!, size);
        const lowest = costs.get(size) ?? Number.POSITIVE_INFINITY;
        if (costMs < lowest * NEWS_SHARE) settled = 0;
        costs.set(size, Math.min(lowest, costMs));
      }
    }
    return costs;
  });
}

/** Returns the size from which larger batches gain next to nothing. */
export function largestBatchOf(costs: BatchCosts): number {
  const rates = [...costs].map(([size, costMs]) => ({ size, perMs: size / Math.max(costMs, COST_MS_MIN) }));
  const best = Math.max(...rates.map(({ perMs }) => perMs));
  return rates.find(({ perMs }) => perMs >= best * GOOD_SHARE)?.size ?? 1;
}

/** Whether a size would take too long by what the one before it took. */
function isTooSlow(costs: BatchCosts, size: number): boolean {
  const before = SIZES[SIZES.indexOf(size) - 1];
  if (before === undefined) return false;
  return (costs.get(before) ?? 0) * (size / before) > BATCH_CPU_MS_MAX;
}
