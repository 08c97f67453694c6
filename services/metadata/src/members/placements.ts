import { DeviceKind, MemberKind, type Placement, type Variant } from "@infaas/api";
import { Code, ServiceError } from "@infaas/runtime";
import type { GuardedWriter } from "../records/guarded-writer";
import { memberKey, placementKey, variantKey } from "../records/keys";
import { checkRead, type RecordView } from "../records/record-view";
import { encodeRecord } from "../records/records";

/** Who may want an instance. */
const reasons = ["registration", "query", "autoscaler", "operator"];

/**
 * Wants one instance of a variant on an executor, or wants it no longer. The same wish again is told to
 * watchers again, so that an executor that gave the instance up for want of memory knows it is wanted anew.
 * NOT_FOUND for an unknown variant or an executor that has not joined, FAILED_PRECONDITION when it lacks the
 * variant's device, ABORTED when it was planned by records up to `readRevision` (0 = by none) and the variant or
 * this placement changed after it.
 */
export async function setPlacement(
  writer: GuardedWriter,
  placement: Placement,
  { wanted, readRevision = 0n }: { readonly wanted: boolean; readonly readRevision?: bigint },
): Promise<bigint> {
  const { revision } = await writer.write((view) => {
    if (readRevision > 0n) checkPlanned(view, placement, readRevision);
    return { writes: wanted ? want(view, placement) : wantNot(view, placement), result: null };
  });
  return revision;
}

function checkPlanned(view: RecordView, { variant, executor }: Placement, readRevision: bigint): void {
  const found = view.of("variant").find(({ name }) => name === variant);
  if (found === undefined) return;
  checkRead(view, variantKey(found.architecture, variant), `variant "${variant}"`, readRevision);
  const key = placementKey(found.architecture, variant, executor);
  checkRead(view, key, `placement of "${variant}" on "${executor}"`, readRevision);
}

function want(view: RecordView, placement: Placement) {
  if (!reasons.includes(placement.reason)) {
    throw new ServiceError(
      Code.INVALID_ARGUMENT,
      `reason "${placement.reason}" is none of ${reasons.join(", ")}`,
    );
  }
  const variant = view.of("variant").find(({ name }) => name === placement.variant);
  if (variant === undefined)
    throw new ServiceError(Code.NOT_FOUND, `variant "${placement.variant}" is not registered`);
  checkHost(view, placement, variant);
  const key = placementKey(variant.architecture, variant.name, placement.executor);
  return [{ kind: "put", key, value: encodeRecord("placement", placement), leaseId: null } as const];
}

/** Deletes whatever record wants this, also one whose variant or executor is gone by now. */
function wantNot(view: RecordView, { variant, executor }: Placement) {
  const keys: string[] = [];
  for (const { record } of view.all()) {
    if (record.value.case !== "placement") continue;
    const { value } = record.value;
    if (value.variant === variant && value.executor === executor) keys.push(record.key);
  }
  return keys.map((key) => ({ kind: "delete", key }) as const);
}

function checkHost(view: RecordView, { executor }: Placement, variant: Variant): void {
  const member = view.at(memberKey(executor))?.record.value;
  if (member?.case !== "member" || member.value.kind !== MemberKind.EXECUTOR) {
    throw new ServiceError(Code.NOT_FOUND, `no executor "${executor}" has joined`);
  }
  const { deviceKinds } = member.value;
  if (deviceKinds.includes(variant.deviceKind)) return;
  const has = deviceKinds.map((kind) => DeviceKind[kind]).join(", ");
  const both = `variant "${variant.name}" runs on ${DeviceKind[variant.deviceKind]}, executor "${executor}" has ${has}`;
  throw new ServiceError(Code.FAILED_PRECONDITION, both);
}
