import { type Batcher, openBatcher } from "@infaas/cuda-batcher";
import { type Random, seededRandom, sleep, systemClock } from "@infaas/runtime";
import type { BenchScope } from "../bench-scope";
import { closedLoop } from "../closed-loop";
import { median, quantile } from "../statistics";
import { denseSubject, type Subject } from "../subjects";

const roundsDefault = 8;
const windowMs = 3_000;
/** Of saturation: idle now and then, so that requests are run again, and busy enough that batches hold several. */
const load = 0.5;
const saturationInFlight = 32;
const saturationMs = 1_000;
/** Shortest timer of Node. */
const tickMs = 1;
const seed = 20_261_130;
const recheck = { tolerance: 1e-4, proven: true };

/**
 * Prints what it costs callers that requests are run again in idle time: p50 and p99 of the same Poisson arrivals at a
 * batcher that does and at one that does not, in windows that take turns.
 */
export async function benchRecheck({ rounds }: BenchScope): Promise<void> {
  const subject = denseSubject();
  const open = (more: { readonly recheck?: typeof recheck }) =>
    openBatcher({ path: subject.path, instances: 1, intraOpThreads: 1, maxBatch: 16, ...more });
  const sides = [
    { name: "without", batcher: await open({}), p99s: [] as number[] },
    { name: "with", batcher: await open({ recheck }), p99s: [] as number[] },
  ];
  try {
    const saturation = { inFlight: saturationInFlight, durationMs: saturationMs };
    const { itemsPerSecond } = await closedLoop(sides[0]!.batcher, subject, saturation);
    const perSecond = load * itemsPerSecond;
    process.stdout.write(`# ${subject.name}: ${perSecond.toFixed(0)} requests a second\n`);
    for (let round = 0; round < (rounds ?? roundsDefault); round++) {
      for (const { name, batcher, p99s } of round % 2 === 0 ? sides : [...sides].reverse()) {
        const before = batcher.stats().rechecked;
        // The same arrivals for both.
        const latencies = await arrivals(batcher, subject, perSecond, seededRandom(seed + round));
        p99s.push(quantile(latencies, 0.99));
        process.stdout.write(
          `${name.padEnd(8)} p50 ${quantile(latencies, 0.5).toFixed(2)} ms, p99 ${p99s.at(-1)!.toFixed(2)} ms, ${batcher.stats().rechecked - before} run again\n`,
        );
      }
    }
    const [without, with_] = sides.map(({ p99s }) => median(p99s)) as [number, number];
    const ratio = median(sides[1]!.p99s.map((p99, round) => p99 / sides[0]!.p99s[round]!));
    process.stdout.write(
      `p99 ${without.toFixed(2)} ms without, ${with_.toFixed(2)} ms with; ratio within rounds ${ratio.toFixed(3)}\n`,
    );
  } finally {
    for (const { batcher } of sides) await batcher.close();
  }
}

/** Latencies in ms of one window, from each arrival to its answer. */
async function arrivals(
  batcher: Batcher,
  { rows }: Subject,
  perSecond: number,
  random: Random,
): Promise<readonly number[]> {
  const latencies: number[] = [];
  let fault: Error | null = null;
  const gapMs = () => (-Math.log(1 - random.next()) / perSecond) * 1000;
  const endMs = systemClock.nowMs() + windowMs;
  let next = 0;
  for (let arrivalMs = systemClock.nowMs() + gapMs(); arrivalMs < endMs; ) {
    const nowMs = systemClock.nowMs();
    for (; arrivalMs <= nowMs && arrivalMs < endMs; arrivalMs += gapMs()) {
      const arrivedMs = arrivalMs;
      const refused = batcher.submitWith(rows[next++ % rows.length]!, { rows: 1 }, (error, result) => {
        result?.release();
        if (error === null) latencies.push(systemClock.nowMs() - arrivedMs);
        else fault = error;
      });
      if (refused !== undefined) fault = refused;
    }
    await sleep(systemClock, tickMs);
  }
  await batcher.drain();
  if (fault !== null) throw fault;
  return latencies;
}
