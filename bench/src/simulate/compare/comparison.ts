import { createHash } from "node:crypto";
import type { PolicyName } from "@infaas/policy";
import { Code, ServiceError, seededRandom } from "@infaas/runtime";
import { type Bounds, boundsOf } from "./bounds";
import { type Figures, figuresOf, type Outcome, usdOf } from "./outcome";
import type { Run } from "./run-policy";
import { type Scenario, WORLD } from "./scenario";
import { bootstrapped, type Estimate } from "./statistics";

/** What one policy did under all seeds. */
export interface Row {
  readonly policy: PolicyName;
  readonly outcomes: readonly Outcome[];
  /** Of each outcome, at its attainment. */
  readonly bounds: readonly Bounds[];
  /** Less the same of the first policy under the same seed; null: it is the first. */
  readonly differences: Readonly<Record<keyof Figures, Estimate>> | null;
}

/** Policies that met the same arrivals and noises. */
export interface Comparison {
  readonly scenario: Scenario;
  /** Of scenario and world: equal where the same was compared. */
  readonly configuration: string;
  readonly seeds: readonly number[];
  readonly rows: readonly Row[];
}

/** Seed of the bootstrap: a report says the same for the same outcomes. */
const BOOTSTRAP_SEED = 1;
const HASH_CHARS = 12;
/** The bounds know medians; the mean of the noise of a short run is off by less. */
const NOISE_TOLERANCE = 0.01;

/** Returns the runs of a comparison in the order in which `comparisonOf` takes their outcomes. */
export function runsOf(
  scenario: Scenario,
  policies: readonly PolicyName[],
  seeds: readonly number[],
): readonly Run[] {
  return policies.flatMap((policy) => seeds.map((seed) => ({ scenario, policy, seed })));
}

/** Returns what is compared; fails where a policy is cheaper than the oracle at its attainment: that is a bug of the simulation. */
export function comparisonOf(
  scenario: Scenario,
  policies: readonly PolicyName[],
  seeds: readonly number[],
  outcomes: readonly Outcome[],
): Comparison {
  const ofPolicy = policies.map((_, n) => outcomes.slice(n * seeds.length, (n + 1) * seeds.length));
  const first = (ofPolicy[0] ?? []).map(figuresOf);
  const rows = policies.map((policy, n): Row => {
    const own = ofPolicy[n] ?? [];
    const bounds = own.map((o) => boundsOf(scenario, o.arrivals, o.inTime / Math.max(1, o.offered)));
    for (const [index, outcome] of own.entries()) mustNotBeat(outcome, bounds[index]);
    return { policy, outcomes: own, bounds, differences: n === 0 ? null : differencesOf(own, first) };
  });
  const configuration = createHash("sha256")
    .update(JSON.stringify({ scenario, world: WORLD, policies, seeds }, plain))
    .digest("hex")
    .slice(0, HASH_CHARS);
  return { scenario, configuration, seeds, rows };
}

function mustNotBeat(outcome: Outcome, bounds: Bounds | undefined): void {
  const usd = usdOf(outcome);
  if (bounds === undefined || usd >= bounds.oracleUsd * (1 - NOISE_TOLERANCE)) return;
  const { policy, seed } = outcome;
  const than = `$${bounds.oracleUsd} of the oracle at its attainment`;
  throw new ServiceError(Code.INTERNAL, `${policy}, seed ${seed}, costs $${usd}, less than ${than}`);
}

function differencesOf(own: readonly Outcome[], first: readonly Figures[]) {
  const random = seededRandom(BOOTSTRAP_SEED);
  const figures = own.map(figuresOf);
  const of = (key: keyof Figures): Estimate =>
    bootstrapped(
      figures.map((one, index) => one[key] - (first[index]?.[key] ?? 0)),
      random,
    );
  return {
    goodputPerSecond: of("goodputPerSecond"),
    attainment: of("attainment"),
    accuracyServed: of("accuracyServed"),
    accuracyOffered: of("accuracyOffered"),
    usd: of("usd"),
  };
}

/** Whole numbers of 64 bits as JSON has them. */
export function plain(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
