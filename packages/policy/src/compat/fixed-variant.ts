import { findTarget, levelFor, restrictTarget, type TargetIndex, type VariantEntry } from "../catalog";
import { explainDecision } from "../explanation";
import type { Policy } from "../policy";
import type { Query } from "../query";
import { adequateEntries, classKey } from "../scaling/capacity";
import { mostHosts, planStarts, withdrawals } from "../scaling/host-changes";
import type { PlacementStep } from "../scaling/placement-steps";
import type { PlanBasis, RoundFacts } from "../scaling/plan-due";
import type { ScalingOptions, ScalingPlan } from "../scaling/plan-scaling";
import { activeHosts, type ScalingFacts } from "../scaling/scaling-facts";
import type { ScalingMemory } from "../scaling/scaling-memory";
import { selectVariant } from "../selection";
import type { Snapshot } from "../snapshot";

/** What a variant is worth to whoever chooses one for good; of equals the first by accuracy, then by name. */
export type Merit = (entry: VariantEntry) => number;

/**
 * The one adequate variant of most merit for every query of a class, on every host that the pool may have, whatever is asked: what
 * is sized for the peak by hand. Queries that it cannot answer in time are refused; among its instances the soonest answers.
 */
export function fixedVariantPolicy(name: string, merit: Merit): Policy {
  const asked = (snapshot: Snapshot, query: Query): Query => {
    const index = query.among ?? findTarget(snapshot.catalog, query.target);
    return index === undefined ? query : { ...query, among: fixedOf(index, query, merit) };
  };
  return {
    name,
    select: (snapshot, query, nowMs) => selectVariant(snapshot, asked(snapshot, query), nowMs),
    explain: (snapshot, query, nowMs) => explainDecision(snapshot, asked(snapshot, query), nowMs),
    planDue(before: PlanBasis | null, { structure, needs }: RoundFacts) {
      if (before === null) return "there is no plan yet";
      if (structure !== before.structure) return "members, hosts or instances changed";
      const isNew = [...needs.keys()].some((key) => !before.plan.plannedRows.has(key));
      return isNew ? "a class of queries is new" : null;
    },
    *planScaling(facts, before, o) {
      yield;
      return planEverywhere(facts, before, o, merit);
    },
  };
}

function fixedOf(index: TargetIndex, { slo }: Query, merit: Merit): TargetIndex {
  const adequate = index.entries.slice(0, index.levelEnds[levelFor(index, slo.minAccuracy)] ?? 0);
  const best = mostOf(adequate, merit);
  return restrictTarget(index, best === null ? [] : [best]);
}

function mostOf(entries: readonly VariantEntry[], merit: Merit): VariantEntry | null {
  const [first, ...rest] = entries;
  if (first === undefined) return null;
  return rest.reduce((best, entry) => (merit(entry) > merit(best) ? entry : best), first);
}

function planEverywhere(
  facts: ScalingFacts,
  before: ScalingMemory,
  { holdMs, maxUsdPerHour }: ScalingOptions,
  merit: Merit,
): ScalingPlan {
  const { pool, demand, catalog, hosts, nowMs } = facts;
  const most = mostHosts(pool, maxUsdPerHour);
  const count = most - activeHosts(facts).length;
  const because = "every host that there may be is kept, whatever is asked";
  const changes = [...withdrawals(facts), ...planStarts(facts, { count, most }, because)];
  const fixed = demand.flatMap((one) => mostOf(adequateEntries(catalog, one), merit) ?? []);
  const names = new Set(fixed.map(({ variant }) => variant.name));
  const up = hosts.filter(({ state }) => state === "up");
  const placements = up.flatMap(({ name: executor, placed }): PlacementStep[] =>
    [...names]
      .filter((variant) => !placed.has(variant))
      .map((variant) => ({
        variant,
        executor,
        because: "it is the one variant of its class, on every host",
      })),
  );
  const usd = most * pool.pricePerHourUsd;
  return {
    wantedHosts: most,
    changes,
    placements,
    unloads: [],
    retired: new Set(),
    retained: new Map(up.map(({ name }) => [name, names])),
    waits: [],
    hosts: [],
    explain: () => [],
    price: { hosts: usd, loads: 0, penalties: 0, unserved: 0, total: usd },
    plannedRows: new Map(demand.map((one) => [classKey(one), Number.POSITIVE_INFINITY])),
    isSettled: changes.length + placements.length === 0,
    summary: `${activeHosts(facts).length} of ${most} hosts; ${because}`,
    memory: { ...before, atMs: nowMs, holdMs },
  };
}
