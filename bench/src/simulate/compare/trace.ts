import { seededRandom } from "@infaas/runtime";
import { PURPOSE } from "../poisson";
import { workloads } from "../workload/workloads";
import type { Scenario } from "./scenario";

/** Times of arrivals of each class in ms since the beginning, rising: the same whatever the policy. */
export type Trace = readonly (readonly number[])[];

const CLASS_STREAM = 31;
const STREAMS = 1_000;
const MS_PER_SECOND = 1_000;
/** What is shorter passes before any host comes. */
const PEAK_SECONDS = 10;

/** Returns the arrivals of a scenario: one process for all classes, and a class drawn for each arrival. */
export function traceOf(scenario: Scenario, seed: number): Trace {
  const { classes, workload, perSecond, seconds } = scenario;
  const random = seededRandom(seed * STREAMS + PURPOSE.arrivals);
  const draws = seededRandom(seed * STREAMS + CLASS_STREAM);
  const trace: number[][] = classes.map(() => []);
  for (const at of workloads[workload](perSecond, seconds, random)) {
    let left = classes.length > 1 ? draws.next() : 0;
    let index = 0;
    for (; index < classes.length - 1; index++) {
      left -= classes[index]?.share ?? 0;
      if (left < 0) break;
    }
    trace[index]?.push(at);
  }
  return trace;
}

/** Returns the arrivals of each second. */
export function countsOf(times: readonly number[], seconds: number): readonly number[] {
  const counts = new Array<number>(seconds).fill(0);
  for (const at of times) {
    const second = Math.floor(at / MS_PER_SECOND);
    counts[second] = (counts[second] ?? 0) + 1;
  }
  return counts;
}

/** Returns the largest rate over ten seconds, queries per second. */
export function peakOf(times: readonly number[]): number {
  let [most, first] = [0, 0];
  for (let last = 0; last < times.length; last++) {
    while ((times[last] ?? 0) - (times[first] ?? 0) > PEAK_SECONDS * MS_PER_SECOND) first++;
    most = Math.max(most, last - first + 1);
  }
  return most / PEAK_SECONDS;
}
