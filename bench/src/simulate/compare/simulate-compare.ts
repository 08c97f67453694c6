import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Objective, type PolicyName, policyNames } from "@infaas/policy";
import { type WorkloadName, workloads, zipfShares } from "../workload/workloads";
import { type Comparison, comparisonOf, plain, runsOf } from "./comparison";
import { describeComparison } from "./describe";
import { architectureNamed, FULL_ACCURACY, type HostTypeName, hostTypes, modelsOf } from "./models";
import { outcomesOf } from "./runs";
import type { Scenario } from "./scenario";

/** A floor that both variants of an architecture meet. */
const FLOOR = FULL_ACCURACY - 0.01;
const MS_PER_SECOND = 1_000;

/** What a scenario is made of. */
export interface Made {
  readonly workload: WorkloadName;
  readonly type: HostTypeName;
  /** Architectures, asked by the law of Zipf. */
  readonly models: number;
  readonly objective: Objective;
  /** Mean queries per second. */
  readonly perSecond: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly maxHosts: number;
  readonly bootSeconds: number;
}

/** Returns a scenario: `min-cost` has a floor that every variant meets, `max-accuracy` none. */
export function scenarioOf(made: Made): Scenario {
  const { type, models, objective, bootSeconds, ...load } = made;
  const { host, latencyMs } = hostTypes[type];
  const minAccuracy = objective === "min-cost" ? FLOOR : null;
  return {
    ...load,
    name: `${models === 1 ? "one model" : `${models} models by Zipf`} on ${type}`,
    variants: modelsOf(models, type),
    classes: zipfShares(models).map((share, index) => {
      return { target: architectureNamed(index + 1), share, latencyMs, minAccuracy, objective };
    }),
    host,
    bootMs: bootSeconds * MS_PER_SECOND,
  };
}

/** Compares policies under one load; `processes`: see `outcomesOf`. */
export async function compared(
  scenario: Scenario,
  policies: readonly PolicyName[],
  seeds: readonly number[],
  processes?: number,
): Promise<Comparison> {
  const outcomes = await outcomesOf(runsOf(scenario, policies, seeds), processes);
  return comparisonOf(scenario, policies, seeds, outcomes);
}

/**
 * `simulate compare --workload NAME --policies a,b --seeds N [--hosts cpu|inferentia|inferentia-later|gpu] [--models N]
 * [--objective NAME] [--per-second N] [--seconds N] [--warmup-seconds N] [--max-hosts N] [--boot-seconds N] [--json FILE]`.
 */
export async function simulateCompare(args: readonly string[]): Promise<string> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      workload: { type: "string", default: "fluctuating" },
      policies: { type: "string", default: "infaas,infaas-paper,static-best,static-fast,static-mix" },
      seeds: { type: "string", default: "5" },
      hosts: { type: "string", default: "cpu" },
      models: { type: "string", default: "1" },
      objective: { type: "string", default: "min-cost" },
      "per-second": { type: "string" },
      seconds: { type: "string", default: "600" },
      "warmup-seconds": { type: "string", default: "120" },
      "max-hosts": { type: "string", default: "30" },
      "boot-seconds": { type: "string", default: "25" },
      json: { type: "string" },
    },
  });
  const type = oneOf("hosts", values.hosts, Object.keys(hostTypes) as HostTypeName[]);
  const scenario = scenarioOf({
    type,
    workload: oneOf("workload", values.workload, Object.keys(workloads) as WorkloadName[]),
    models: count("models", values.models),
    objective: oneOf("objective", values.objective, ["min-cost", "max-accuracy"] as const),
    perSecond: count("per-second", values["per-second"] ?? String(hostTypes[type].perSecond)),
    seconds: count("seconds", values.seconds),
    warmupSeconds: count("warmup-seconds", values["warmup-seconds"]),
    maxHosts: count("max-hosts", values["max-hosts"]),
    bootSeconds: count("boot-seconds", values["boot-seconds"]),
  });
  const policies = values.policies.split(",").map((name) => oneOf("policies", name, policyNames));
  const seeds = Array.from({ length: count("seeds", values.seeds) }, (_, index) => index + 1);
  const comparison = await compared(scenario, policies, seeds);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(comparison, plain, 2)}\n`);
  return describeComparison(comparison);
}

function oneOf<const T extends string>(option: string, text: string, allowed: readonly T[]): T {
  const found = allowed.find((name) => name === text);
  if (found === undefined) throw new RangeError(`--${option} is '${text}'; allowed: ${allowed.join(", ")}`);
  return found;
}

function count(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new RangeError(`--${option} is '${text}'; allowed: a whole number from 1 on`);
  return value;
}
