import type { VariantEntry } from "../catalog";
import { type ClassDemand, classKey } from "../scaling/capacity";
import { mostHosts, planStarts, withdrawals } from "../scaling/host-changes";
import type { PlacementStep } from "../scaling/placement-steps";
import type { PlanBasis, RoundFacts } from "../scaling/plan-due";
import type { ScalingOptions, ScalingPlan } from "../scaling/plan-scaling";
import { activeHosts, type ScalingFacts } from "../scaling/scaling-facts";
import type { ScalingMemory } from "../scaling/scaling-memory";

/** Hosts that stay whatever is asked, and what each of them holds. */
export interface FixedFleet {
  readonly hosts: "all that there may be" | "those that are kept at least";
  /** Variants of a class that every host holds. */
  readonly variantsOf: (demand: ClassDemand) => readonly VariantEntry[];
  /** Why one of them is loaded. */
  readonly because: string;
}

/** Returns the plan that starts and fills such a fleet; nothing is ever unloaded, and no host ends. */
export function planFixed(
  facts: ScalingFacts,
  before: ScalingMemory,
  { holdMs, maxUsdPerHour }: ScalingOptions,
  { hosts: which, variantsOf, because: why }: FixedFleet,
): ScalingPlan {
  const { pool, demand, hosts, nowMs } = facts;
  const most = which === "all that there may be" ? mostHosts(pool, maxUsdPerHour) : pool.minHosts;
  const count = most - activeHosts(facts).length;
  const because = `${which} stay, whatever is asked`;
  const changes = [...withdrawals(facts), ...planStarts(facts, { count, most }, because)];
  const names = new Set(demand.flatMap(variantsOf).map(({ variant }) => variant.name));
  const up = hosts.filter(({ state }) => state === "up");
  const placements = up.flatMap(({ name: executor, placed }): PlacementStep[] =>
    [...names]
      .filter((variant) => !placed.has(variant))
      .map((variant) => ({ variant, executor, because: why })),
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

/** As `planDue`: a plan that demand does not change is due for what is new. */
export function fixedPlanDue(before: PlanBasis | null, { structure, needs }: RoundFacts): string | null {
  if (before === null) return "there is no plan yet";
  if (structure !== before.structure) return "members, hosts or instances changed";
  const isNew = [...needs.keys()].some((key) => !before.plan.plannedRows.has(key));
  return isNew ? "a class of queries is new" : null;
}
