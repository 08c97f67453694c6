import {
  type Catalog,
  findTarget,
  levelFor,
  restrictTarget,
  type TargetIndex,
  type VariantEntry,
} from "./catalog";
import type { Query } from "./query";
import type { Objective, Slo } from "./types";

/** Returns the variants that may answer a query; undefined for a name that is not known. */
export function candidatesOf(catalog: Catalog, { among, target, slo }: Query): TargetIndex | undefined {
  const index = among ?? findTarget(catalog, target);
  return index !== undefined && slo.deterministic ? fixedVariant(index, slo) : index;
}

/**
 * Returns the one variant that answers deterministic queries: the best by objective of those that meet the accuracy
 * floor, from what is recorded alone. Load, prices of hosts, and what time is left would make it another one from query to
 * query; latency and cost are met by this one, or refused.
 */
function fixedVariant(index: TargetIndex, { minAccuracy, objective }: Slo): TargetIndex {
  const adequate = index.entries.slice(0, index.levelEnds[levelFor(index, minAccuracy)] ?? 0);
  const merit = meritOf[objective];
  const [first, ...rest] = adequate;
  if (first === undefined) return restrictTarget(index, []);
  // Of equals the first by accuracy, then by name.
  return restrictTarget(index, [
    rest.reduce((best, entry) => (merit(entry) > merit(best) ? entry : best), first),
  ]);
}

/** Cheapest is what answers most rows a second: hosts are priced by time. */
const meritOf: Readonly<Record<Objective, (entry: VariantEntry) => number>> = {
  "min-cost": ({ variant }) => variant.profile.saturationPerSecond,
  "max-accuracy": ({ accuracy }) => accuracy,
  "min-latency": ({ oneRowMs }) => -oneRowMs,
};
