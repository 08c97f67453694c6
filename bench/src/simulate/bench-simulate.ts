import { parseArgs } from "node:util";
import type { Variant } from "@infaas/api";
import { policyNames } from "@infaas/policy";
import { codeName, seededRandom } from "@infaas/runtime";
import { type Outcome, offerPoisson } from "./offer";
import { profiledTimes } from "./service-times";
import { openWorld } from "./world";
import { simulatedVariant, zooVariant } from "./zoo-variants";

/** Cluster and load of `simulate poisson`. */
const POISSON = {
  executors: 2,
  pricePerHourUsd: 0.1,
  hopMs: 0.2,
  noise: 0.05,
  load: 0.7,
  seconds: 5,
  latencyMs: 20,
  minAccuracy: 0.983,
} as const;
/** Service time, and queries of one utilisation, of `simulate md1`. */
const MD1 = { serviceMs: 1, queries: 100_000, warmUp: 2_000, utilisations: [0.5, 0.7] } as const;
const MS_PER_HOUR = 3_600_000;
const MS_PER_SECOND = 1_000;
const PURPOSE = { arrivals: 21, noise: 22 } as const;

/** `simulate poisson|md1 [--seed N] [--policy NAME] [--load SATURATIONS] [--seconds N] [--queries N]`: prints a report. */
export async function benchSimulate(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: "string", default: "1" },
      policy: { type: "string", default: "infaas" },
      load: { type: "string", default: String(POISSON.load) },
      seconds: { type: "string", default: String(POISSON.seconds) },
      queries: { type: "string", default: String(MD1.queries) },
    },
  });
  const seed = Number(values.seed);
  const policy = policyNames.find((name) => name === values.policy);
  if (policy === undefined)
    throw new Error(`no policy '${values.policy}'; there are ${policyNames.join(", ")}`);
  const [what] = positionals;
  if (what === "poisson") {
    const report = await simulatePoisson({
      seed,
      policy,
      load: Number(values.load),
      seconds: Number(values.seconds),
    });
    process.stdout.write(`${report}\n`);
  } else if (what === "md1") {
    for (const utilisation of MD1.utilisations) {
      const { meanWaitMs, expectedMs } = await simulateMd1({
        seed,
        utilisation,
        queries: Number(values.queries),
      });
      const off = percent(meanWaitMs / expectedMs - 1);
      process.stdout.write(
        `M/D/1 at ${utilisation}: mean wait ${meanWaitMs.toFixed(4)} ms, formula ${expectedMs.toFixed(4)} ms, ${off}\n`,
      );
    }
  } else throw new Error(`no simulation '${what}'; there are poisson, md1`);
}

/** What `simulate poisson` runs with. */
export interface PoissonOptions {
  readonly seed: number;
  readonly policy: (typeof policyNames)[number];
  /** In multiples of what the executors answer at most. */
  readonly load: number;
  readonly seconds: number;
}

/** Returns the report of two executors with models of the zoo under Poisson load; the same bytes for the same options. */
export async function simulatePoisson({ seed, policy, load, seconds }: PoissonOptions): Promise<string> {
  const { executors, pricePerHourUsd, hopMs, noise, latencyMs, minAccuracy } = POISSON;
  const variant = zooVariant("digits-vit");
  const times = profiledTimes([variant], noise, seededRandom(seed * 1_000 + PURPOSE.noise));
  const world = await openWorld({
    seed,
    policy,
    executors,
    pricePerHourUsd,
    hopMs,
    variants: [variant],
    times,
  });
  const perSecond = load * executors * saturationOf(variant);
  const random = seededRandom(seed * 1_000 + PURPOSE.arrivals);
  const outcome = await offerPoisson(world, {
    perSecond,
    seconds,
    latencyMs,
    minAccuracy,
    random,
    warmUp: 0,
  });
  await world.stop();
  const usd = (executors * pricePerHourUsd * outcome.elapsedMs) / MS_PER_HOUR;
  return [
    `simulate poisson: seed ${seed}, policy ${policy}, ${executors} executors, ${variant.name}, ${perSecond.toFixed(0)} queries/s for ${seconds} s, objective ${latencyMs} ms`,
    `taken as: hop ${hopMs} ms each way, noise of service times ${noise}, no loads, cores not shared out, figures told at once, decisions take no time`,
    ...linesOf(outcome),
    `cost        $${usd.toFixed(6)} (${executors} hosts at $${pricePerHourUsd} an hour for ${(outcome.elapsedMs / MS_PER_SECOND).toFixed(3)} s)`,
  ].join("\n");
}

function linesOf({ offered, inTime, late, refused, meanWaitMs }: Outcome): readonly string[] {
  const all = [...refused].sort(([a], [b]) => a - b);
  const count = all.reduce((sum, [, n]) => sum + n, 0);
  const reasons = all.map(([code, n]) => `${codeName(code)} ${n}`).join(", ");
  return [
    `offered     ${offered}`,
    `in time     ${inTime} (${percent(inTime / offered)})`,
    `late        ${late} (${percent(late / offered)})`,
    `refused     ${count} (${percent(count / offered)})${reasons === "" ? "" : `: ${reasons}`}`,
    `mean wait   ${meanWaitMs.toFixed(4)} ms beside the engine's time`,
  ];
}

/** What `simulate md1` runs with. */
export interface Md1Options {
  readonly seed: number;
  /** Above 0, below 1. */
  readonly utilisation: number;
  readonly queries: number;
}

/** Returns the mean wait of a queue with one server and constant service through the whole of the code, and by the formula. */
export async function simulateMd1({ seed, utilisation, queries }: Md1Options): Promise<{
  readonly meanWaitMs: number;
  readonly expectedMs: number;
}> {
  const { serviceMs, warmUp } = MD1;
  const latencyMs = [[1, serviceMs]] as const;
  const variant = simulatedVariant("constant", { accuracy: 1, latencyMs, loadMs: 1, memoryBytes: 1n });
  const random = seededRandom(seed * 1_000 + PURPOSE.arrivals);
  const times = profiledTimes([variant], 0, random);
  const common = { seed, policy: "infaas", pricePerHourUsd: 0.1 } as const;
  const world = await openWorld({ ...common, executors: 1, hopMs: 0, variants: [variant], times });
  const perSecond = (utilisation * MS_PER_SECOND) / serviceMs;
  const load = { perSecond, seconds: queries / perSecond, latencyMs: null, minAccuracy: null };
  const { meanWaitMs } = await offerPoisson(world, { ...load, random, warmUp });
  await world.stop();
  return { meanWaitMs, expectedMs: (utilisation * serviceMs) / (2 * (1 - utilisation)) };
}

function saturationOf({ profile }: Variant): number {
  return profile?.saturationPerSecond ?? 0;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}
