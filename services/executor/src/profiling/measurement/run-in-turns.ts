import type { Clock } from "@infaas/runtime";

/** Rounds that are enough... */
const ROUNDS_MAX = 400;
/** ...and CPU time of all runs together, milliseconds, after which fewer are... */
const ROUNDS_CPU_MS = 2_000;
/** ...but no fewer than these. */
const ROUNDS_MIN = 5;
/** No further round is begun after this time, whatever else the machine does. */
const ROUNDS_MS_MAX = 10_000;

/**
 * Returns what runs cost, in CPU time: that of the last as the median of its runs, those of the others by the median of how
 * many times the last they cost in the same round. What disturbs a round (other processes in the caches, another clock rate)
 * disturbs all its runs, so that costs that are compared stay apart as they are on an idle machine.
 * @param runs Each runs once and resolves to the CPU time that it took, milliseconds.
 */
export async function runInTurns(runs: readonly (() => Promise<number>)[], clock: Clock): Promise<number[]> {
  const rounds: number[][] = [];
  const untilMs = clock.nowMs() + ROUNDS_MS_MAX;
  let cpuMs = 0;
  // The first round warms up.
  for (const run of runs) await run();
  while (rounds.length < ROUNDS_MIN || (rounds.length < ROUNDS_MAX && cpuMs < ROUNDS_CPU_MS)) {
    if (rounds.length > 0 && clock.nowMs() > untilMs) break;
    const round: number[] = [];
    for (const run of runs) round.push(Math.max(await run(), COST_MS_MIN));
    cpuMs += round.reduce((sum, costMs) => sum + costMs, 0);
    rounds.push(round);
  }
  const last = runs.length - 1;
  const lastMs = median(rounds.map((round) => round[last]!));
  return runs.map((_, index) => lastMs * median(rounds.map((round) => round[index]! / round[last]!)));
}

/** CPU time of nothing, for clocks that tell no less. */
const COST_MS_MIN = 1e-6;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
