import { MemberKind } from "@infaas/api";
import type { DesiredVariant } from "../instances/executor";
import { variantSpec } from "../instances/variant-spec";
import type { ClusterRecords } from "./cluster-records";

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
export function desiredVariants(records: ClusterRecords, executor: string): DesiredVariants {
  const variants: DesiredVariant[] = [];
  const faults: string[] = [];
  const known = records.variants();
  for (const { placement, putAtMs } of records.placementsOn(executor)) {
    const record = known.get(placement.variant);
    if (record === undefined) continue;
    const spec = variantSpec(record);
    if (spec.ok) variants.push({ spec: spec.value, desiredAtMs: putAtMs });
    else faults.push(spec.fault);
  }
  return { variants, faults };
}

/** Returns the address (host:port) of each frontend; metrics are exported to all of them. */
export function frontendAddresses(records: ClusterRecords): readonly string[] {
  return records
    .members()
    .filter((member) => member.kind === MemberKind.FRONTEND)
    .map((member) => member.address);
}

/** Whether an executor takes new work; true while its record is not known. */
export function isAccepting(records: ClusterRecords, executor: string): boolean {
  return records.members().find((member) => member.name === executor)?.accepting ?? true;
}
