import { MemberKind } from "@infaas/api";
import type { RecordTable } from "@infaas/cluster";
import type { DesiredVariant } from "../instances/executor";
import { variantSpec } from "../instances/variant-spec";

/** The desired placement of one executor. */
export interface DesiredVariants {
  readonly variants: readonly DesiredVariant[];
  /** Why placements cannot be honoured, one sentence each. */
  readonly faults: readonly string[];
}

/**
 * Returns the variants that should run on `executor`. A placement whose variant is not known is left out
 * without a fault: records of one transaction may arrive apart, and a deleted variant takes its placements
 * with it.
 */
export function desiredVariants(records: RecordTable, executor: string): DesiredVariants {
  const variants: DesiredVariant[] = [];
  const faults: string[] = [];
  const known = new Map([...records.all("variant")].map((variant) => [variant.name, variant]));
  for (const { value: placement, putAtMs } of records.allPut("placement")) {
    if (placement.executor !== executor) continue;
    const record = known.get(placement.variant);
    if (record === undefined) continue;
    const spec = variantSpec(record);
    if (spec.ok) variants.push({ spec: spec.value, desiredAtMs: putAtMs });
    else faults.push(spec.fault);
  }
  return { variants, faults };
}

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
