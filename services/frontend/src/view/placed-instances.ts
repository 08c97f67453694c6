import type { ExecutorPlacement, PlacedVariant } from "@infaas/api";

/** One instance that an executor should hold. */
export interface PlacedInstance extends Omit<PlacedVariant, "$typeName"> {
  readonly executor: string;
}

/** What executors should hold, by executor and by variant. Immutable: a change of a placement makes a new one. */
export class PlacedInstances {
  private readonly byExecutor: ReadonlyMap<string, readonly PlacedVariant[]>;
  private readonly byVariant = new Map<string, PlacedInstance[]>();

  constructor(placements: Iterable<ExecutorPlacement> = []) {
    const byExecutor = new Map<string, readonly PlacedVariant[]>();
    for (const { executor, variants } of placements) {
      byExecutor.set(executor, variants);
      for (const entry of variants) {
        const placed = { ...entry, executor };
        const others = this.byVariant.get(entry.variant);
        if (others === undefined) this.byVariant.set(entry.variant, [placed]);
        else others.push(placed);
      }
    }
    this.byExecutor = byExecutor;
  }

  /** Executors with a record of what they should hold. */
  get executors(): Iterable<string> {
    return this.byExecutor.keys();
  }

  /** All of them. */
  *all(): Generator<PlacedInstance> {
    for (const placed of this.byVariant.values()) yield* placed;
  }

  /** What an executor should hold. */
  on(executor: string): readonly PlacedVariant[] {
    return this.byExecutor.get(executor) ?? [];
  }

  /** Instances that there should be of a variant. */
  of(variant: string): readonly PlacedInstance[] {
    return this.byVariant.get(variant) ?? [];
  }
}
