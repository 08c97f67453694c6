import type { PlacedVariant } from "@infaas/api";
import type { ClusterView } from "../view/cluster-view";
import type { ExecutorPlan, PlannedEntry } from "./placement-writer";

/** A change of what one executor should hold. */
export type PlacementChange =
  | { readonly kind: "place"; readonly executor: string; readonly entry: PlannedEntry }
  | { readonly kind: "rank"; readonly executor: string; readonly variant: string; readonly priority: number }
  /** An instance that was wanted anew after that revision stays. */
  | {
      readonly kind: "drop";
      readonly executor: string;
      readonly variant: string;
      readonly readRevision: bigint;
    };

type Entries = Map<string, PlannedEntry & { readonly generation: bigint }>;

/**
 * Returns the plan that these changes make of what executors should hold; an executor that they leave as it is is left out. An
 * instance that is placed again has the higher of its priorities.
 */
export function planOf(
  view: Pick<ClusterView, "placementOf">,
  changes: readonly PlacementChange[],
): readonly ExecutorPlan[] {
  const plans = new Map<string, Entries>();
  const changed = new Set<string>();
  for (const change of changes) {
    const { executor } = change;
    const entries = plans.get(executor) ?? entriesOf(view.placementOf(executor));
    plans.set(executor, entries);
    if (apply(entries, change)) changed.add(executor);
  }
  return [...changed].map((executor) => {
    const entries = [...(plans.get(executor)?.values() ?? [])];
    return { executor, entries: entries.map(({ generation: _, ...entry }) => entry) };
  });
}

/** Returns whether the change changes anything. */
function apply(entries: Entries, change: PlacementChange): boolean {
  const variant = change.kind === "place" ? change.entry.variant : change.variant;
  const before = entries.get(variant);
  if (change.kind === "place") {
    const { entry } = change;
    if (before !== undefined && entry.anew !== true && before.priority >= entry.priority) return false;
    const priority = Math.max(before?.priority ?? 0, entry.priority);
    entries.set(variant, { ...entry, priority, generation: before?.generation ?? 0n });
    return true;
  }
  if (before === undefined) return false;
  if (change.kind === "drop") return before.generation <= change.readRevision && entries.delete(variant);
  if (before.priority === change.priority) return false;
  entries.set(variant, { ...before, priority: change.priority });
  return true;
}

function entriesOf(held: readonly PlacedVariant[]): Entries {
  return new Map(
    held.map(({ variant, reason, plan, priority, generation }) => [
      variant,
      { variant, reason: reason as PlannedEntry["reason"], plan, priority, generation },
    ]),
  );
}
