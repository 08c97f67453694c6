import { MemberKind } from "@infaas/api";
import type { Wish } from "../instances/executor";
import { variantSpec } from "../instances/variant-spec";
import type { ClusterRecords } from "./cluster-records";

/** What the cluster wants of one executor, and what of it cannot be honoured. */
export interface Will {
  readonly wishes: readonly Wish[];
  readonly faults: readonly string[];
}

/**
 * Returns what should run on `executor`. A placement whose variant is not known (yet) is left out silently: records of
 * one transaction may arrive apart, and a deleted variant takes its placements with it.
 */
export function willOf(records: ClusterRecords, executor: string): Will {
  const wishes: Wish[] = [];
  const faults: string[] = [];
  const variants = records.variants();
  for (const { placement, putAtMs } of records.placementsOn(executor)) {
    const record = variants.get(placement.variant);
    if (record === undefined) continue;
    const spec = variantSpec(record);
    if (spec.ok) wishes.push({ spec: spec.value, wantedAtMs: putAtMs });
    else faults.push(spec.fault);
  }
  return { wishes, faults };
}

/** Addresses of all frontends: they want our metrics. */
export function frontendAddresses(records: ClusterRecords): readonly string[] {
  return records
    .members()
    .filter((member) => member.kind === MemberKind.FRONTEND)
    .map((member) => member.address);
}

/** Whether an executor takes new work; true until the cluster says otherwise. */
export function isAccepting(records: ClusterRecords, executor: string): boolean {
  return records.members().find((member) => member.name === executor)?.accepting ?? true;
}
