import type { Variant } from "@infaas/api";
import type { Objective } from "@infaas/policy";
import type { HostSpec } from "../cluster/simulated-executor";
import type { WorkloadName } from "../workload/workloads";

/** Queries of one kind, a share of all. */
export interface ScenarioClass {
  /** Architecture that is asked. */
  readonly target: string;
  /** Of all queries; shares of all classes add up to 1. */
  readonly share: number;
  readonly latencyMs: number;
  readonly minAccuracy: number | null;
  readonly objective: Objective;
}

/** What every policy meets: a cluster, and a load. */
export interface Scenario {
  readonly name: string;
  readonly variants: readonly Variant[];
  readonly classes: readonly ScenarioClass[];
  readonly workload: WorkloadName;
  /** Mean queries per second of all classes. */
  readonly perSecond: number;
  readonly seconds: number;
  /** So many of them from the beginning on are left out of the report. */
  readonly warmupSeconds: number;
  readonly host: HostSpec;
  readonly maxHosts: number;
  /** From asking for a host until its executor's process runs. */
  readonly bootMs: number;
}

/** What all scenarios have in common, and each report says. */
export const WORLD = {
  frontends: 1,
  hopMs: 0.2,
  /** Spread of the logarithm of service times. */
  noise: 0.05,
  minHosts: 1,
  restartMs: 1_000,
  billedMinMs: 60_000,
  figuresLost: 0,
  figuresDelayMs: 50,
} as const;
