import type { Variant } from "@infaas/api";
import type { PolicyName } from "@infaas/policy";
import { codeName, seededRandom } from "@infaas/runtime";
import { profiledTimes } from "./cluster/service-times";
import { SimulatedCluster } from "./cluster/simulated-cluster";
import { zooVariant } from "./cluster/zoo-variants";
import { OfferedLoad } from "./offered-load";
import { answeredOf, refusedOf, sumOf, type Tally } from "./tally";
import { percent } from "./text";
import { poissonCount } from "./workload/arrivals";

/** Cluster and load of `simulate poisson`. */
export const POISSON = {
  executors: 2,
  hopMs: 0.2,
  noise: 0.05,
  load: 0.7,
  seconds: 5,
  latencyMs: 20,
  minAccuracy: 0.983,
} as const;
/** A host with cores enough and room for all. */
export const HOST = {
  hostType: "local-cpu",
  cores: 2,
  memoryBytes: 1_000_000_000,
  pricePerHourUsd: 0.1,
  fetchBytesPerMs: 100_000,
} as const;
const MS_PER_HOUR = 3_600_000;
const MS_PER_SECOND = 1_000;
export const PURPOSE = { arrivals: 21, noise: 22, boots: 23, provider: 24, failures: 25 } as const;

/** What `simulate poisson` runs with. */
export interface PoissonOptions {
  readonly seed: number;
  readonly policy: PolicyName;
  /** In multiples of what the executors answer at most. */
  readonly load: number;
  readonly seconds: number;
}

/** Returns the report of two executors with models of the zoo under Poisson load; the same bytes for the same options. */
export async function simulatePoisson({ seed, policy, load, seconds }: PoissonOptions): Promise<string> {
  const { executors, hopMs, noise, latencyMs, minAccuracy } = POISSON;
  const variant = zooVariant("digits-vit");
  const times = profiledTimes([variant], noise, seededRandom(seed * 1_000 + PURPOSE.noise));
  const cluster = await SimulatedCluster.open({
    ...{ seed, policy, hopMs, times, variants: [variant], host: HOST },
    ...{ frontends: 1, frontendArgs: [], figuresLost: 0, figuresDelayMs: 0 },
  });
  for (let number = 1; number <= executors; number++) cluster.startExecutor(`executor-${number}`);
  await cluster.loadEverywhere();
  const perSecond = load * executors * saturationOf(variant);
  const arrivals = poissonCount(
    perSecond,
    Math.round(perSecond * seconds),
    cluster.randomOf(PURPOSE.arrivals),
  );
  const offered = new OfferedLoad(cluster, { arrivals, rows: 1, latencyMs, minAccuracy });
  const outcome = sumOf(await offered.settled());
  await cluster.stop();
  const usd = (executors * HOST.pricePerHourUsd * offered.lastMs) / MS_PER_HOUR;
  return [
    `simulate poisson: seed ${seed}, policy ${policy}, ${executors} executors, ${variant.name}, ${perSecond.toFixed(0)} queries/s for ${seconds} s, objective ${latencyMs} ms`,
    `taken as: hop ${hopMs} ms each way, noise of service times ${noise}, no loads, ${HOST.cores} cores each, figures told at once, decisions take no time`,
    ...linesOf(outcome),
    `cost        $${usd.toFixed(6)} (${executors} hosts at $${HOST.pricePerHourUsd} an hour for ${(offered.lastMs / MS_PER_SECOND).toFixed(3)} s)`,
  ].join("\n");
}

function linesOf(tally: Tally): readonly string[] {
  const { offered, inTime, late, refused, waitMs } = tally;
  const all = [...refused].sort(([a], [b]) => a - b);
  const reasons = all.map(([code, n]) => `${codeName(code)} ${n}`).join(", ");
  const meanWaitMs = waitMs / Math.max(1, answeredOf(tally));
  return [
    `offered     ${offered}`,
    `in time     ${inTime} (${percent(inTime / offered)})`,
    `late        ${late} (${percent(late / offered)})`,
    `refused     ${refusedOf(tally)} (${percent(refusedOf(tally) / offered)})${reasons === "" ? "" : `: ${reasons}`}`,
    `mean wait   ${meanWaitMs.toFixed(4)} ms beside the engine's time`,
  ];
}

/** Rows per second that one instance answers at most. */
export function saturationOf({ profile }: Variant): number {
  return profile?.saturationPerSecond ?? 0;
}
