import {
  type Executor,
  type InitialPlacement,
  type PlannedInstance,
  planInitialPlacement,
  type Variant,
} from "@infaas/policy";
import type { Catalog } from "../view/catalog";
import type { PlacedInstance } from "../view/placed-instances";

/**
 * An architecture without any placement that could answer is placed anew after this time: a registration has placed
 * its own by then, and an executor that was only restarted is back with what it had.
 */
export const UNSERVED_MAX_MS = 5_000;
/** What an executor that left should hold is kept so long, for it to find when it comes back. */
export const PLACEMENT_KEPT_MS = 60_000;

/** State that repairs are planned from. */
export interface RepairFacts {
  readonly catalog: Catalog;
  readonly placements: Iterable<Pick<PlacedInstance, "variant" | "executor">>;
  /** Executors with a record of what they should hold. */
  readonly recorded: Iterable<string>;
  /** Members only. */
  readonly executors: readonly Executor[];
  /** Variants that a plan does without: they are not missing. */
  readonly retired: ReadonlySet<string>;
  readonly nowMs: number;
}

/** Changes of desired placement after which every registered model can be answered. */
export interface Repairs {
  readonly wanted: readonly PlannedInstance[];
  readonly leftOut: InitialPlacement["leftOut"];
  /** Executors that left: nothing is placed on them any more. */
  readonly dropped: readonly string[];
}

/** Plans repairs of desired placement after executors came and went; remembers only since when something is missing. */
export class PlacementRepair {
  private readonly goneSince = new Map<string, number>();
  private readonly unservedSince = new Map<string, number>();

  /** Returns what to change now. A repair is planned again only if it is still missing after the bound. */
  plan(facts: RepairFacts): Repairs {
    const placements = [...facts.placements];
    const dropped = this.dropped(facts);
    const overdue = this.overdue(placements, facts);
    if (!facts.executors.some((e) => e.accepting)) return { wanted: [], leftOut: [], dropped };
    const wanted: PlannedInstance[] = [];
    const leftOut: InitialPlacement["leftOut"][number][] = [];
    for (const architecture of overdue) {
      this.unservedSince.delete(architecture);
      const variants = servable(facts).filter((v) => v.architecture === architecture);
      const plan = planInitialPlacement(
        variants,
        facts.executors,
        instancesPerExecutor([...placements, ...wanted]),
      );
      wanted.push(...plan.placements);
      leftOut.push(...plan.leftOut);
    }
    return { wanted, leftOut, dropped };
  }

  /** Forgets what was seen: another leads, or metadata is away. */
  forget(): void {
    this.goneSince.clear();
    this.unservedSince.clear();
  }

  private dropped({ recorded, executors, nowMs }: RepairFacts): readonly string[] {
    const present = new Set(executors.map((e) => e.name));
    const gone = new Set([...recorded].filter((name) => !present.has(name)));
    trackSince(this.goneSince, gone, nowMs);
    return [...gone].filter((name) => nowMs - (this.goneSince.get(name) ?? nowMs) >= PLACEMENT_KEPT_MS);
  }

  private overdue(
    placements: readonly Pick<PlacedInstance, "variant" | "executor">[],
    facts: RepairFacts,
  ): readonly string[] {
    const { executors, nowMs } = facts;
    const accepting = new Set(executors.filter((e) => e.accepting).map((e) => e.name));
    const placed = new Set(placements.filter((p) => accepting.has(p.executor)).map((p) => p.variant));
    const variants = servable(facts);
    const unserved = new Set(variants.map((v) => v.architecture));
    for (const { name, architecture } of variants) if (placed.has(name)) unserved.delete(architecture);
    trackSince(this.unservedSince, unserved, nowMs);
    return [...unserved].filter((a) => nowMs - (this.unservedSince.get(a) ?? nowMs) >= UNSERVED_MAX_MS);
  }
}

/** What an operator unloaded is not missing, nor what a plan does without. */
function servable({ catalog, retired }: RepairFacts): readonly Variant[] {
  return catalog.variants.filter((v) => !catalog.withheld.has(v.name) && !retired.has(v.name));
}

/** Returns how many instances each executor is to have. */
export function instancesPerExecutor(
  placements: Iterable<{ readonly executor: string }>,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { executor } of placements) counts.set(executor, (counts.get(executor) ?? 0) + 1);
  return counts;
}

/** Keeps in `since` exactly the names there are now, each with the time it was first seen. */
function trackSince(since: Map<string, number>, names: ReadonlySet<string>, nowMs: number): void {
  for (const name of since.keys()) if (!names.has(name)) since.delete(name);
  for (const name of names) if (!since.has(name)) since.set(name, nowMs);
}
