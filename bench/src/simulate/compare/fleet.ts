import type { PolicyName } from "@infaas/policy";
import { adequateFor, hostSecondsPerRow } from "./host-time";
import type { Scenario, ScenarioClass } from "./scenario";
import { peakOf, type Trace } from "./trace";

/** What a policy is told of a load, and how many hosts it may have. */
export interface Fleet {
  readonly told: readonly string[];
  readonly maxHosts: number;
}

/** Share of its time that a host of a fixed fleet is meant to be busy at the peak. */
const PEAK_UTILISATION = 0.8;
/** A batch is usable for an objective of so many times its latency, as production plans. */
const LATENCIES_PER_OBJECTIVE = 2;

/** Fixed variants get the hosts that the peak of the load keeps busy to four fifths, `static-mix` is told the peaks, others may have all. */
export function fleetOf(policy: PolicyName, scenario: Scenario, trace: Trace): Fleet {
  const { classes, maxHosts } = scenario;
  const peaks = trace.map(peakOf);
  if (policy === "static-mix") {
    const told = classes.map(({ target }, index) => `${target}=${peaks[index] ?? 0}`);
    return { told, maxHosts };
  }
  if (policy !== "static-best" && policy !== "static-fast") return { told: [], maxHosts };
  const busy = classes.reduce((sum, one, index) => {
    return sum + (peaks[index] ?? 0) * secondsPerRow(policy, scenario, one);
  }, 0);
  return { told: [], maxHosts: Math.max(1, Math.ceil(busy / PEAK_UTILISATION)) };
}

/** Of the variant that the policy fixes for a class. */
function secondsPerRow(
  policy: "static-best" | "static-fast",
  scenario: Scenario,
  one: ScenarioClass,
): number {
  const { variants, host } = scenario;
  const merit = (variant: (typeof variants)[number]) =>
    policy === "static-best" ? (variant.accuracy?.value ?? 0) : (variant.profile?.saturationPerSecond ?? 0);
  const [best] = [...adequateFor(variants, one)].sort(
    (a, b) => merit(b) - merit(a) || (a.name < b.name ? -1 : 1),
  );
  if (best === undefined) return 0;
  return hostSecondsPerRow(best, host, { latencyMs: one.latencyMs, times: LATENCIES_PER_OBJECTIVE });
}
