import { type ExecutorPlacement, MemberKind, type PlacedVariant, type Variant } from "@infaas/api";
import type { RecordTable, TableChanges } from "@infaas/cluster";
import type { DesiredVariant } from "../instances/executor";
import { variantSpec } from "../instances/variant-spec";

/** The desired placement of one executor. */
export interface DesiredVariants {
  readonly variants: readonly DesiredVariant[];
  /** Why placements cannot be honoured, one sentence each. */
  readonly faults: readonly string[];
}

/** When an entry of the placement was last wanted anew. */
interface Wish {
  readonly generation: bigint;
  /** On the clock of this process. */
  readonly atMs: number;
}

/**
 * Follows what one executor should hold: a message of the watch costs what it changes of that. A variant of which no record is
 * known is left out without a fault: records of one transaction may arrive apart, and a deleted variant takes its placements with it.
 */
export class DesiredInstances {
  private readonly variants = new Map<string, Variant>();
  private readonly specs = new Map<
    string,
    { readonly of: Variant; readonly made: ReturnType<typeof variantSpec> }
  >();
  private entries: readonly PlacedVariant[] = [];
  private wishes = new Map<string, Wish>();

  constructor(private readonly executor: string) {}

  /** Takes over what a message that came at `nowMs` changed of `records`; null: nothing of what this executor should hold. */
  follow(records: RecordTable, { puts, deleted }: TableChanges, nowMs: number): DesiredVariants | null {
    const isChanged =
      puts === null
        ? this.replace(records)
        : [
            ...deleted.map(({ value }) => this.drop(value)),
            ...puts.map(({ value }) => this.take(value)),
          ].some(Boolean);
    return isChanged ? this.desired(nowMs) : null;
  }

  private replace(records: RecordTable): boolean {
    this.variants.clear();
    for (const variant of records.all("variant")) this.variants.set(variant.name, variant);
    this.entries = [];
    for (const placement of records.all("executorPlacement")) this.takePlacement(placement);
    return true;
  }

  private take({ case: kind, value }: RecordValue): boolean {
    if (kind === "executorPlacement") return this.takePlacement(value);
    if (kind !== "variant") return false;
    this.variants.set(value.name, value);
    return this.wishes.has(value.name);
  }

  private takePlacement({ executor, variants }: ExecutorPlacement): boolean {
    if (executor !== this.executor) return false;
    this.entries = variants;
    return true;
  }

  private drop({ case: kind, value }: RecordValue): boolean {
    if (kind === "executorPlacement" && value.executor === this.executor) {
      this.entries = [];
      return true;
    }
    return kind === "variant" && this.variants.delete(value.name) && this.wishes.has(value.name);
  }

  private desired(nowMs: number): DesiredVariants {
    const variants: DesiredVariant[] = [];
    const faults: string[] = [];
    const wishes = new Map<string, Wish>();
    for (const { variant: name, generation, priority } of this.entries) {
      const before = this.wishes.get(name);
      const wish = before?.generation === generation ? before : { generation, atMs: nowMs };
      wishes.set(name, wish);
      const record = this.variants.get(name);
      if (record === undefined) continue;
      const spec = this.specOf(record);
      if (spec.ok) variants.push({ spec: spec.value, desiredAtMs: wish.atMs, priority, generation });
      else faults.push(spec.fault);
    }
    this.wishes = wishes;
    for (const name of this.specs.keys()) if (!wishes.has(name)) this.specs.delete(name);
    return { variants, faults };
  }

  private specOf(record: Variant): ReturnType<typeof variantSpec> {
    const known = this.specs.get(record.name);
    if (known?.of === record) return known.made;
    const made = variantSpec(record);
    this.specs.set(record.name, { of: record, made });
    return made;
  }
}

type RecordValue = NonNullable<TableChanges["puts"]>[number]["value"];

/** Returns the address (host:port) of each frontend; metrics are exported to all of them. */
export function frontendAddresses(records: RecordTable): readonly string[] {
  return [...records.all("member")]
    .filter((member) => member.kind === MemberKind.FRONTEND)
    .map((member) => member.address);
}

/** Whether an executor takes new work; true while its record is not known. */
export function isAccepting(records: RecordTable, executor: string): boolean {
  return [...records.all("member")].find((member) => member.name === executor)?.accepting ?? true;
}
