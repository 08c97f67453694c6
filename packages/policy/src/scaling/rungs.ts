import type { PlacementPlan, PlanColumn, PlanHost, PlannedClass } from "../planning/problem";
import type { Variant } from "../types";
import { type Column, shortfall } from "./capacity";
import type { DemandProblem, PlannedDemand } from "./planning-problem";

/** A faster, less accurate variant kept ready on a host, for queries that the planned one has no time for there. */
export interface Rung {
  readonly host: string;
  readonly variant: string;
  /** The planned variant that it stands beside. */
  readonly beside: string;
  /** Name that the class asks for. */
  readonly target: string;
}

/** A rung answers a row in this share of the host time of what it stands beside, at the most: else it helps little in a burst. */
const RUNG_TIME_MAX = 0.5;

/**
 * Returns the rungs of a plan: for each class that asks for the best and may be answered by less, on every host that serves it
 * the most accurate adequate variant that is faster and fits into the memory that the plan leaves (docs/design/policy.md,
 * section 6.1).
 */
export function rungsOf({ problem, demands }: DemandProblem, plan: PlacementPlan): readonly Rung[] {
  const byKey = new Map(demands.map((one) => [one.key, one]));
  const hosts = new Map(problem.hosts.map((host) => [host.name, host]));
  const held = new Map(plan.hosts.map(({ name, variants }) => [name, new Set(variants)]));
  const free = freeBytes(plan, hosts);
  const rungs: Rung[] = [];
  for (const planned of plan.classes) {
    const one = byKey.get(planned.of.key);
    if (one?.demand.objective !== "max-accuracy" || one.demand.noDowngrade === true) continue;
    for (const { host, column } of sharesByHost(planned)) {
      const variants = held.get(host);
      const kept = hosts.get(host)?.kept;
      if (variants === undefined || kept === undefined) continue;
      const left = free.get(host) ?? 0;
      const takes = ({ name, profile }: Variant) => (kept.has(name) ? 0 : profile.peakMemoryBytes);
      const rung = fasterThan(column, one).find((entry) => variants.has(entry.name) || takes(entry) <= left);
      if (rung === undefined || variants.has(rung.name)) continue;
      free.set(host, left - takes(rung));
      variants.add(rung.name);
      rungs.push({ host, variant: rung.name, beside: column.variant, target: one.demand.target.name });
    }
  }
  return rungs;
}

/** The first share of a class on each host. */
function sharesByHost({ shares }: PlannedClass) {
  return [...new Map([...shares].reverse().map((share) => [share.host, share])).values()].reverse();
}

/** Variants that are fast enough and do it less well than the planned one, the one first that the class prefers. */
function fasterThan(
  { variant, hostType }: PlanColumn,
  { demand, columns }: PlannedDemand,
): readonly Variant[] {
  const ofType = columns.filter(({ entry }) => entry.variant.profile.hostType === hostType);
  const planned = ofType.find(({ entry }) => entry.variant.name === variant);
  if (planned === undefined) return [];
  const rungs = ofType.filter(
    (column) =>
      shortfall(column.entry, planned.entry, demand) > 0 &&
      hostSeconds(column) <= RUNG_TIME_MAX * hostSeconds(planned),
  );
  return rungs.map(({ entry }) => entry.variant);
}

function hostSeconds({ share, rowsPerSecond }: Column): number {
  return share / rowsPerSecond;
}

/** Memory that the plan leaves on each host that serves somebody. */
function freeBytes(plan: PlacementPlan, hosts: ReadonlyMap<string, PlanHost>): Map<string, number> {
  const sizes = new Map(plan.classes.flatMap(({ of }) => of.columns.map((c) => [c.variant, c.memoryBytes])));
  return new Map(
    plan.hosts.map(({ name, variants }) => {
      const host = hosts.get(name);
      const taken = variants.filter((variant) => host?.kept.has(variant) !== true);
      const bytes = taken.reduce((sum, variant) => sum + (sizes.get(variant) ?? 0), 0);
      return [name, (host?.memoryBytes ?? 0) - bytes];
    }),
  );
}
