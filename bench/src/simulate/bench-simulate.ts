import { parseArgs } from "node:util";
import { policyNames } from "@infaas/policy";
import { MANAGED_PHASES, simulateManaged } from "./managed";
import { POISSON, simulatePoisson } from "./poisson";
import { simulateQueues } from "./queues";

/** What a simulation is told on the command line. */
interface Told {
  readonly seed: number;
  readonly policy: (typeof policyNames)[number];
  readonly load: number;
  readonly seconds: number;
}

const simulations: Readonly<Record<string, (told: Told) => Promise<string>>> = {
  poisson: simulatePoisson,
  queues: simulateQueues,
  managed: ({ seed, policy }) => simulateManaged({ seed, policy, phases: MANAGED_PHASES }),
};

/** `simulate NAME [--seed N] [--policy NAME] [--load SATURATIONS] [--seconds N]`: prints a report. */
export async function benchSimulate(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      seed: { type: "string", default: "1" },
      policy: { type: "string", default: "infaas" },
      load: { type: "string", default: String(POISSON.load) },
      seconds: { type: "string", default: String(POISSON.seconds) },
    },
  });
  const policy = policyNames.find((name) => name === values.policy);
  if (policy === undefined)
    throw new Error(`no policy '${values.policy}'; there are ${policyNames.join(", ")}`);
  const [name = ""] = positionals;
  const simulation = simulations[name];
  if (simulation === undefined)
    throw new Error(`no simulation '${name}'; there are ${Object.keys(simulations).join(", ")}`);
  const { seed, load, seconds } = values;
  const told = { seed: Number(seed), policy, load: Number(load), seconds: Number(seconds) };
  process.stdout.write(`${await simulation(told)}\n`);
}
