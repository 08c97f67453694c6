import { parseArgs } from "node:util";
import { policyNames } from "@infaas/policy";
import { seededRandom } from "@infaas/runtime";
import { simulateCompare } from "./compare/simulate-compare";
import { simulateEvaluation } from "./compare/simulate-evaluation";
import { simulateFailures } from "./failures";
import { MANAGED_PHASES, type ManagedOptions, simulateManaged } from "./managed";
import { POISSON, simulatePoisson } from "./poisson";
import { simulateQueues } from "./queues";
import { describeHygiene, hygieneOf } from "./workload/hygiene";
import { workloads } from "./workload/workloads";

/** Rate and length of the cards of `simulate workloads`. */
const CARD = { perSecond: 50, seconds: 3_600 } as const;

/** What a simulation is told on the command line. */
interface Told {
  readonly seed: number;
  readonly policy: (typeof policyNames)[number];
  readonly objective: ManagedOptions["objective"];
  readonly load: number;
  readonly seconds: number;
  /** How many, from 1 on; 0: `seed` alone. */
  readonly seeds: number;
}

const simulations: Readonly<Record<string, (told: Told) => Promise<string>>> = {
  poisson: simulatePoisson,
  failures: ({ seed, seeds }) =>
    simulateFailures({ seed, seeds, say: (line) => void process.stdout.write(`${line}\n`) }),
  queues: simulateQueues,
  workloads: async ({ seed }) => describeWorkloads(seed),
  managed: ({ seed, policy, objective }) =>
    simulateManaged({ seed, policy, objective, phases: MANAGED_PHASES }),
};

/** Simulations with options of their own. */
const comparisons: Readonly<Record<string, (args: readonly string[]) => Promise<string>>> = {
  compare: simulateCompare,
  "infaas-evaluation": simulateEvaluation,
};

/** `simulate NAME [--seed N] [--policy NAME] [--objective min-cost|max-accuracy] [--load SATURATIONS] [--seconds N]`: prints a report. */
export async function benchSimulate(args: readonly string[]): Promise<void> {
  const [first = "", ...rest] = args;
  const comparing = comparisons[first];
  if (comparing !== undefined) {
    process.stdout.write(`${await comparing(rest)}\n`);
    return;
  }
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: "string", default: "1" },
      policy: { type: "string", default: "infaas" },
      objective: { type: "string", default: "min-cost" },
      seeds: { type: "string", default: "0" },
      load: { type: "string", default: String(POISSON.load) },
      seconds: { type: "string", default: String(POISSON.seconds) },
    },
  });
  const policy = policyNames.find((name) => name === values.policy);
  if (policy === undefined)
    throw new Error(`no policy '${values.policy}'; there are ${policyNames.join(", ")}`);
  const { objective } = values;
  if (objective !== "min-cost" && objective !== "max-accuracy")
    throw new Error(`no objective '${objective}'; there are min-cost, max-accuracy`);
  const [name = ""] = positionals;
  const simulation = simulations[name];
  if (simulation === undefined)
    throw new Error(
      `no simulation '${name}'; there are ${[...Object.keys(simulations), ...Object.keys(comparisons)].join(", ")}`,
    );
  const [seed, seeds, load, seconds] = [values.seed, values.seeds, values.load, values.seconds].map(Number);
  const told = { seed, seeds, policy, objective, load, seconds } as Told;
  process.stdout.write(`${await simulation(told)}\n`);
}

/** The hygiene card of each load. */
function describeWorkloads(seed: number): string {
  const lines = Object.entries(workloads).map(([name, workload]) => {
    const arrivals = workload(CARD.perSecond, CARD.seconds, seededRandom(seed));
    return `${name.padEnd(12)} ${describeHygiene(hygieneOf(arrivals, CARD.seconds))}`;
  });
  return lines.join("\n");
}
